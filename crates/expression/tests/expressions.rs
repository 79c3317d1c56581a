//! What expressions answer, and that none that anybody can write takes long or breaks anything.

use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::{Value, json};
use trinity_expression::{CONTEXT, Expression, Variables};

fn variables() -> Variables {
    Variables::new()
        .with("context", json!({"region": "north", "limit": 10, "rate": 1.5, "regions": ["north", "south"], "big": 9_007_199_254_740_993_u64, "items": [{"name": "a", "n": 1}, {"name": "b", "n": 2}]}))
        .with("rows_in", json!(1_461))
        .with("rows_out", json!(0))
        .with("status", json!("completed"))
        .with("outputs", json!({"data": {"rows": 0, "size_bytes": 512}, "bad rows": {"rows": 3, "size_bytes": 9}}))
        .with("result", json!({"score": 1, "exact": 0.5, "missing": null, "columns": {"wind": {"nulls": 2}}}))
}

fn holds(text: &str) -> Result<bool, String> {
    Expression::parse(text).and_then(|expression| expression.holds(&variables())).map_err(|fault| fault.message)
}

fn refused(text: &str) -> String {
    Expression::parse(text).expect_err(text).message
}

#[test]
fn conditions_over_what_a_task_left() {
    let true_ones = [
        "rows_out == 0",
        "rows_out < 0.5 && rows_in >= 1461",
        "rows_out == 0.0",
        "result.score > 0.5",
        "result.exact == 0.5 && result.exact < 1",
        "rows_in - rows_out == 1461 && rows_in / 2 == 730 && rows_in % 2 == 1",
        "status == 'completed'",
        "outputs.data.rows == 0 && outputs['bad rows'].rows > 2",
        "outputs.all(name, outputs[name].size_bytes > 0)",
        "context.region in ['north', 'east']",
        "'south' in context.regions && size(context.regions) == 2",
        "context.items.exists(i, i.n > 1 && i.name == 'b')",
        "context.items.exists_one(i, i.n == 1)",
        "has(context.limit) && !has(context.colour)",
        "!has(context.colour) || context.colour == 'red'",
        "result.missing == null",
        "context.region.startsWith('no') && context.region.matches('^n.*h$') && context.region.contains('ort')",
        "context.big > 9007199254740992",
        "context.rate * 2.0 == 3.0 && double(context.limit) * context.rate == 15.0",
        "int('7') == 7 && string(7) == '7'",
        "rows_out > 0 ? context.nothing : true",
        "context.items.filter(i, i.n > 1) == [{'name': 'b', 'n': 2}]",
    ];
    for text in true_ones {
        assert_eq!(holds(text), Ok(true), "{text}");
    }
    assert_eq!(holds("rows_out != 0"), Ok(false));
    assert_eq!(holds("context.region == 5"), Ok(false));
}

#[test]
fn what_gives_no_answer_says_why() {
    let cases = [
        ("context.colour == 'red'", "there is no \"colour\""),
        ("rows_out", "must be true or false, and is a int"),
        ("rows_out / rows_out == 0", "divides by zero"),
        ("context.region > 5", "> does not work on string and int"),
        ("context.rate * 2 > 1.0", "mul does not work on float and int"),
        ("context.regions[7] == 'x'", "asks for an entry beyond the end of a list"),
        ("9223372036854775807 + rows_in > 0", "makes a number that is too large"),
        ("context.region.matches('(')", "matches: regex parse error"),
    ];
    for (text, message) in cases {
        let found = holds(text).expect_err(text);
        assert!(found.starts_with(message), "{text}: {found}");
    }
    let alone = Expression::parse("result.score > 1").unwrap();
    assert_eq!(alone.holds(&Variables::new()).unwrap_err().message, "\"result\" has no value here");
}

#[test]
fn lists_and_texts() {
    let list = |text| Expression::parse_over(text, CONTEXT).unwrap().list(&variables());
    assert_eq!(list("context.regions").unwrap(), [json!("north"), json!("south")]);
    let made = list("context.items.map(i, {'z': i.n, 'a': [i.name, null, 1.5]})").unwrap();
    assert_eq!(made, [json!({"a": ["a", null, 1.5], "z": 1}), json!({"a": ["b", null, 1.5], "z": 2})]);
    assert_eq!(serde_json::to_string(&made[0]).unwrap(), r#"{"a":["a",null,1.5],"z":1}"#);
    assert_eq!(list("[1, 2].filter(n, n > 5)").unwrap(), Vec::<Value>::new());
    assert_eq!(list("context.region").unwrap_err().message, "must be a list, and is a string");
    let text = |text| Expression::parse_over(text, CONTEXT).unwrap().text(&variables()).map_err(|fault| fault.message);
    assert_eq!(text("context.region + '/' + string(context.limit)"), Ok("north/10".to_owned()));
    assert_eq!(text("context.limit"), Ok("10".to_owned()));
    assert_eq!(text("context.rate"), Ok("1.5".to_owned()));
    assert_eq!(text("context.items"), Err("must be a text or a number, and is a list".to_owned()));
}

#[test]
fn what_is_no_expression_is_refused_with_its_place() {
    assert_eq!(refused("  "), "is empty");
    assert!(refused("rows_out = 0").starts_with("column 10: "), "{}", refused("rows_out = 0"));
    assert!(refused("rows_out ==\n  (1").starts_with("line 2, column "), "{}", refused("rows_out ==\n  (1"));
    let unknown = "unknown variable \"rows\"; there is context, rows_in, rows_out, status, outputs, result";
    assert_eq!(refused("rows == 0"), unknown);
    assert_eq!(refused("rows_out == 0 && [1].all(x, x == y)").split(';').next(), Some("unknown variable \"y\""));
    let over_context = Expression::parse_over("rows_out == 0", CONTEXT).unwrap_err();
    assert_eq!(over_context.message, "unknown variable \"rows_out\"; there is context");
    assert!(refused("now() > 5").starts_with("unknown function \"now\"; there is size, "));
    assert!(refused("optional.of(1) == 1").starts_with("unknown "));
    assert!(refused("context.items.all(i, context.regions.all(r, r == i))").starts_with("has a loop"));
    assert!(refused("context.items.map(i, i.n).filter(n, n > 1) == []").starts_with("has a loop"));
    assert!(refused("Thing{a: 1} == 1").starts_with("makes an object of a type"));
    assert_eq!(refused(&format!("status == '{}'", "x".repeat(2_000))), "is longer than 2000 bytes");
}

#[test]
fn nesting_of_any_kind_is_refused() {
    let n = 300;
    let deep = [
        "(".repeat(n) + "1" + &")".repeat(n),
        "(".repeat(n),
        "[".repeat(n) + &"]".repeat(n),
        "{1:".repeat(n) + "1" + &"}".repeat(n),
        "!(".repeat(n) + "true" + &")".repeat(n),
        "1+".repeat(n) + "1",
        "true?1:".repeat(n / 2) + "1",
        "context".to_owned() + &".a".repeat(n),
        "context".to_owned() + &"[0]".repeat(n),
        "size(".repeat(n) + "1" + &")".repeat(n),
        "1<".repeat(n) + "1",
        format!("// '\n{}1{}", "(".repeat(n), ")".repeat(n)),
        (0..200).map(|_| "(')' + ").collect::<String>(),
    ];
    for text in deep {
        let message = refused(&text);
        assert!(message.starts_with("is nested more than") || message.contains("column"), "{text}: {message}");
    }
    // As deep as may be, and evaluated on the small stack of a server's thread.
    let deepest = |open: &str, close: &str| {
        (1..40).rev().map(|n| open.repeat(n) + "1" + &close.repeat(n)).find(|text| Expression::parse(text).is_ok())
    };
    for (open, close) in [("(1 + ", ")"), ("1+", ""), ("[", "]"), ("true ? 0 : ", ""), ("{1: ", "}"), ("-(", ")")] {
        let text = deepest(open, close).unwrap();
        assert!(text.len() > 10 * (open.len() + close.len()), "{text}");
        let evaluated = std::thread::Builder::new().stack_size(1 << 20).spawn(move || {
            Expression::parse(&text).unwrap().holds(&variables()).unwrap_err();
        });
        evaluated.unwrap().join().unwrap();
    }
}

/// Long lists, texts that grow, patterns that explode: each is answered or refused in a moment.
#[test]
fn hostile_expressions_end_quickly() {
    let text = "a".repeat(60_000);
    let context = json!({"s": text, "n": (0..30_000).collect::<Vec<_>>(), "words": vec!["x".repeat(50); 1_000]});
    let variables = Variables::new().with("context", context);
    let too_much = [
        "context.n.all(x, context.n == context.n)",
        "size(context.n.map(x, context)) > 0",
        "size(context.n.map(x, [x, x, x, x, x, x, x, x, x, x, x, x])) > 0",
        "context.n.all(x, x in context.n)",
        "context.n.map(x, context.s + context.s) == []",
        "context.words.all(w, w.matches('(a|b){100}(c|d){200}'))",
        "context.n.exists(x, string(context.n) == 'x')",
        "[context, context, context].map(c, [c, c, c, c, c, c]) == []",
    ];
    for text in too_much {
        let answer = Expression::parse(text).unwrap().holds(&variables);
        assert_eq!(answer.unwrap_err().message, "goes over too much data", "{text}");
    }
    let plus = (0..20).map(|_| "context.s").collect::<Vec<_>>().join(" + ") + " == ''";
    let costly = [
        "context.s.matches('(a*)*(a*)*(a*)*(a*)*b')",
        "context.s.matches('((a{0,50}){0,50}){0,50}b')",
        "context.words.all(w, w.matches('^(x|y){0,60}$'))",
        plus.as_str(),
    ];
    for text in costly {
        let started = Instant::now();
        let answer = Expression::parse(text).unwrap().holds(&variables);
        assert!(started.elapsed() < Duration::from_secs(20), "{text}: {answer:?} after {:?}", started.elapsed());
    }
    // And what is only long still gets its answer.
    let fair = ["context.n.exists(x, x == 29999)", "size(context.n) == 30000", "29999 in context.n"];
    for text in fair.into_iter().chain(["context.words.all(w, w.startsWith('x') && size(w) == 50)"]) {
        assert_eq!(Expression::parse(text).unwrap().holds(&variables), Ok(true), "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_breaks_the_parser(text in r#"[-a-z0-9_.()\[\]{}?:!&|<>=+*/%,'" \\]{0,80}"#) {
        if let Ok(expression) = Expression::parse(&text) {
            let _ = expression.holds(&variables());
        }
    }

    #[test]
    fn numbers_compare_as_in_arithmetic(a in -1_000_i64..1_000, b in -1_000.0_f64..1_000.0) {
        let variables = Variables::new().with("rows_in", json!(a)).with("result", json!({"b": b}));
        let less = Expression::parse("rows_in < result.b").unwrap().holds(&variables).unwrap();
        prop_assert_eq!(less, (a as f64) < b);
        let equal = Expression::parse("rows_in == result.b").unwrap().holds(&variables).unwrap();
        prop_assert_eq!(equal, (a as f64) == b);
    }
}
