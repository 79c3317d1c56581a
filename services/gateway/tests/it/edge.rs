//! What is not an RPC: health, CORS, the OpenAPI document and its page.

use reqwest::Method;
use serde_json::{Value, json};

use crate::stack::{send, start};

#[tokio::test]
async fn readiness_names_what_is_not_ready() {
    let stack = start(|_| ()).await;
    let url = |path: &str| stack.http.get(format!("{}{path}", stack.base));
    assert_eq!(send(url("/healthz")).await, (200, json!({"status": "ok"})));
    assert_eq!(send(url("/readyz")).await, (200, json!({"status": "ready", "not_ready": []})));
    stack.health.set_service_status("audit", tonic_health::ServingStatus::NotServing).await;
    assert_eq!(send(url("/readyz")).await, (503, json!({"status": "not_ready", "not_ready": ["audit"]})));
}

#[tokio::test]
async fn only_origins_in_the_settings_may_call() {
    let stack = start(|config| config.cors_origins = vec!["https://app.example".to_owned()]).await;
    let preflight = |origin: &'static str| {
        stack
            .request(Method::OPTIONS, "/projects")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type")
            .send()
    };
    let allowed = preflight("https://app.example").await.unwrap();
    assert_eq!(allowed.status(), 200);
    assert_eq!(allowed.headers()["access-control-allow-origin"], "https://app.example");
    let refused = preflight("https://evil.example").await.unwrap();
    assert!(!refused.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn the_openapi_document_describes_every_route() {
    let stack = start(|_| ()).await;
    let (status, document) = send(stack.http.get(format!("{}/openapi.json", stack.base))).await;
    assert_eq!((status, &document["openapi"]), (200, &json!("3.1.0")));
    let table = trinity_gateway::routes::Table::new(trinity_proto::descriptors::rpcs().unwrap()).unwrap();
    for endpoint in &table.endpoints {
        let operation = &document["paths"][&endpoint.path][endpoint.route.verb.to_lowercase()];
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{} has no summary", endpoint.name);
        assert!(operation["responses"][endpoint.success.as_str()].is_object(), "{} has no success", endpoint.name);
    }
    let create = &document["paths"]["/api/v1/projects"]["post"];
    assert_eq!(create["operationId"], "CreateProject");
    assert_eq!(create["x-permission"], "project.create");
    let body = &create["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(body["required"], json!(["name", "app"]));
    assert_eq!(body["properties"]["app"]["description"], "The slug of an app that the tenant may use.");
    assert_eq!(document["paths"]["/api/v1/auth/login"]["post"]["security"], json!([]));
    assert_every_reference_resolves(&document, &document);
    assert_operation_ids_are_unique(&document);
}

fn assert_every_reference_resolves(document: &Value, value: &Value) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get("$ref") {
                let target = document.pointer(reference.strip_prefix('#').unwrap());
                assert!(target.is_some_and(Value::is_object), "{reference} leads nowhere");
            }
            object.values().for_each(|value| assert_every_reference_resolves(document, value));
        }
        Value::Array(items) => items.iter().for_each(|item| assert_every_reference_resolves(document, item)),
        _ => {}
    }
}

fn assert_operation_ids_are_unique(document: &Value) {
    let mut seen = std::collections::HashSet::new();
    for path in document["paths"].as_object().unwrap().values() {
        for operation in path.as_object().unwrap().values() {
            assert!(
                seen.insert(operation["operationId"].as_str().unwrap()),
                "{} is used twice",
                operation["operationId"]
            );
        }
    }
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let stack = start(|_| ()).await;
    for path in ["/docs", "/docs/docs.css", "/docs/docs.js", "/docs/form.js"] {
        let response = stack.http.get(format!("{}{path}", stack.base)).send().await.unwrap();
        assert_eq!(response.status(), 200, "{path}");
        assert!(response.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
        let text = response.text().await.unwrap();
        assert!(!text.is_empty() && !text.contains("https://"), "{path}");
    }
    let response = stack.http.get(&stack.base).send().await.unwrap();
    assert_eq!(response.url().path(), "/docs");
}
