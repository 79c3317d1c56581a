//! Kinds of values that can be told by how they are written or what their column is called.

use std::net::IpAddr;

use crate::profile::ColumnProfile;

/// A class, how sure it is, and why.
pub(super) type Verdict = (&'static str, f64, String);

/// A class, its values in words, and whether a text is one.
type Form = (&'static str, &'static str, fn(&str) -> bool);

/// The part of the values that must be written so.
const MOST: f64 = 0.8;

/// What texts are by how they are written: the first form that most of them have.
pub(super) fn by_values(values: &[&str]) -> Option<Verdict> {
    if values.is_empty() {
        return None;
    }
    let forms: [Form; 9] = [
        ("email", "e-mail addresses", is_email),
        ("url", "web addresses", is_url),
        ("ip_address", "network addresses", |text| text.parse::<IpAddr>().is_ok()),
        ("identifier", "universally unique ids", is_uuid),
        ("boolean", "yes or no", is_boolean),
        ("date", "dates", is_date),
        ("geo", "pairs of latitude and longitude", is_place),
        ("currency", "amounts of money", is_money),
        ("phone", "telephone numbers", is_phone),
    ];
    forms.into_iter().find_map(|(class, words, fits)| {
        let share = values.iter().filter(|value| fits(value.trim())).count() as f64 / values.len() as f64;
        // The more values there are, the surer it is.
        let sure = share * (1.0 - 0.3 / (values.len() as f64).sqrt());
        (share >= MOST).then(|| (class, (sure * 100.0).round() / 100.0, format!("{:.0} % are {words}", 100.0 * share)))
    })
}

/// What a column is by its name, when its values do not speak against it.
pub(super) fn by_name(profile: &ColumnProfile) -> Option<Verdict> {
    let name = profile.column.to_ascii_lowercase();
    let words: Vec<&str> =
        name.split(|sign: char| !sign.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let says = |known: &[&str]| words.iter().any(|word| known.contains(word));
    let number = matches!(profile.kind.as_str(), "int64" | "float64" | "UInt64") || profile.kind.starts_with("Decimal");
    let text = profile.kind == "string";
    let within = |limit: f64| {
        let bound = |end: &Option<String>| end.as_ref().and_then(|end| end.parse::<f64>().ok());
        bound(&profile.min).zip(bound(&profile.max)).is_some_and(|(low, high)| low >= -limit && high <= limit)
    };
    if number && says(&["lat", "latitude"]) && within(90.0)
        || number && says(&["lon", "lng", "longitude"]) && within(180.0)
    {
        return Some(("geo", 0.95, "the name says so, and the numbers fit".into()));
    }
    if text && says(&["country", "city", "state", "region", "province", "county", "address", "street"]) {
        return Some(("geo", 0.8, "the name of a place".into()));
    }
    if (text || number) && says(&["zip", "zipcode", "postcode", "postal"]) {
        return Some(("geo", 0.85, "the name says a postal code".into()));
    }
    let money = [
        "price", "amount", "cost", "revenue", "sales", "spend", "spending", "salary", "fee", "usd", "eur", "gbp",
        "budget",
    ];
    if number && says(&money) && profile.distinct > 2 {
        return Some(("currency", 0.7, "numbers, and the name says money".into()));
    }
    None
}

fn is_email(text: &str) -> bool {
    let Some((user, host)) = text.split_once('@') else { return false };
    let allowed = |sign: char| sign.is_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(sign);
    !user.is_empty() && user.chars().all(allowed) && is_host(host)
}

fn is_host(text: &str) -> bool {
    let labels: Vec<&str> = text.split('.').collect();
    let label = |label: &&str| !label.is_empty() && label.chars().all(|sign| sign.is_alphanumeric() || sign == '-');
    labels.len() >= 2 && labels.iter().all(label) && labels.last().is_some_and(|last| last.len() >= 2)
}

fn is_url(text: &str) -> bool {
    let rest = ["http://", "https://", "ftp://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let www = text.strip_prefix("www.").filter(|rest| is_host(rest.split('/').next().unwrap_or_default()));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(' ')) || www.is_some()
}

fn is_uuid(text: &str) -> bool {
    let dashes = [8, 13, 18, 23];
    text.len() == 36
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if dashes.contains(&at) { byte == b'-' } else { byte.is_ascii_hexdigit() })
}

fn is_boolean(text: &str) -> bool {
    ["true", "false", "yes", "no", "y", "n", "t", "f"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn is_date(text: &str) -> bool {
    let day = text.get(..10).unwrap_or(text);
    ["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d"]
        .iter()
        .any(|form| chrono::NaiveDate::parse_from_str(day, form).is_ok())
}

fn is_place(text: &str) -> bool {
    let Some((latitude, longitude)) = text.trim_matches(['(', ')']).split_once(',') else { return false };
    let within = |text: &str, limit: f64| {
        text.contains('.') && text.trim().parse::<f64>().is_ok_and(|degrees| degrees.abs() <= limit)
    };
    within(latitude, 90.0) && within(longitude, 180.0)
}

fn is_money(text: &str) -> bool {
    const SIGNS: [&str; 12] = ["$", "€", "£", "¥", "₹", "USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD"];
    let text = text.trim_start_matches('-').trim();
    let amount = SIGNS.iter().find_map(|sign| text.strip_prefix(sign).or_else(|| text.strip_suffix(sign)));
    amount.is_some_and(|amount| {
        let amount = amount.trim().trim_start_matches('-');
        amount.starts_with(|sign: char| sign.is_ascii_digit())
            && amount.chars().all(|sign| sign.is_ascii_digit() || ".,' ".contains(sign))
    })
}

fn is_phone(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let signs = text.chars().all(|sign| sign.is_ascii_digit() || "+-() ./".contains(sign));
    // Why a sign beside the digits: a plain number is a number.
    (7..=15).contains(&digits) && signs && text.contains(['+', '-', '(', ' ', '/'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_by_how_they_are_written() {
        for (class, values) in [
            ("email", ["anna@example.com", "bob.smith+x@mail.example.org"]),
            ("url", ["https://example.com/a?b=c", "www.example.org"]),
            ("ip_address", ["10.0.0.1", "2001:db8::1"]),
            ("identifier", ["0190a1b2-0000-7000-8000-000000000001", "0190A1B2-0000-7000-8000-000000000002"]),
            ("boolean", ["Yes", "no"]),
            ("date", ["2024-02-29", "31.12.2024"]),
            ("geo", ["47.6062, -122.3321", "(48.4,9.98)"]),
            ("currency", ["$1,234.50", "99 €"]),
            ("phone", ["+49 731 123456", "(206) 555-0100"]),
        ] {
            assert_eq!(by_values(&values).map(|verdict| verdict.0), Some(class), "{values:?}");
        }
        for values in [["rain", "sun"], ["1234567", "2345678"], ["a@b", "@c.de"], ["2024-02-30", "31.04.2024"]] {
            assert_eq!(by_values(&values), None, "{values:?}");
        }
        assert_eq!(by_values(&[]), None);
        let mixed: Vec<&str> = ["a@example.com"; 9].into_iter().chain(["-"]).collect();
        let (class, confidence, _) = by_values(&mixed).unwrap();
        assert!(class == "email" && confidence > 0.7 && confidence < 0.9, "{confidence}");
    }
}
