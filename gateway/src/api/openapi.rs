//! `openapi.json` (OpenAPI 3.1): paths from the table of routes, schemas from `openapi-schemas.json` beside this file. A test
//! holds the schemas against what the gateway really answers.

use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use super::{
    Answer, Call, bytes,
    routes::{Gives, Guard, Kind, Param, ROUTES, Route},
};

const SCHEMAS: &str = include_str!("openapi-schemas.json");

/// `GET /openapi.json`.
pub(super) async fn document(_: Call) -> Answer {
    static TEXT: OnceLock<String> = OnceLock::new();
    let text = TEXT.get_or_init(|| describe().to_string());
    Ok(bytes("application/json", text.as_str()))
}

/// The document.
pub fn describe() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.to_ascii_lowercase()] = operation(route);
    }
    let schemas: Value = serde_json::from_str(SCHEMAS).unwrap_or_default();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Sightline",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Cameras, recordings, events and incidents of a district. Errors are RFC 9457 problems.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "cookie": {"type": "apiKey", "in": "cookie", "name": super::COOKIE},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
        "security": [{"cookie": []}, {"bearer": []}],
    })
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn operation(route: &Route) -> Value {
    let mut parameters: Vec<Value> = route
        .path
        .split('/')
        .filter_map(|s| s.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    parameters.extend(route.query.iter().map(parameter));
    let problem = json!({
        "description": "A problem (RFC 9457)",
        "content": {"application/problem+json": {"schema": reference("Problem")}},
    });
    let mut operation = json!({
        "summary": route.summary,
        "operationId": operation_id(route),
        "tags": [route.path.trim_start_matches("/api/v1").split('/').nth(1).unwrap_or("gateway")],
        "parameters": parameters,
        "responses": {route.success.to_string(): success(route), "default": problem},
    });
    if let Some(body) = route.body {
        operation["requestBody"] = json!({
            "required": true,
            "content": {"application/json": {"schema": reference(body)}},
        });
    }
    if route.guard == Guard::Public {
        operation["security"] = json!([]);
    }
    operation
}

fn parameter(param: &Param) -> Value {
    let schema = match param.kind {
        Kind::Time => json!({"type": "string", "format": "date-time"}),
        Kind::Number => json!({"type": "integer"}),
        Kind::Text => json!({"type": "string"}),
    };
    json!({"name": param.name, "in": "query", "required": param.required, "schema": schema})
}

fn success(route: &Route) -> Value {
    let with = |media: &str, schema: Value| json!({"description": route.summary, "content": {media: {"schema": schema}}});
    match route.gives {
        Gives::One(name) => with("application/json", reference(name)),
        Gives::Many(name) => with(
            "application/json",
            json!({"type": "array", "items": reference(name)}),
        ),
        Gives::Nothing => json!({"description": "Done"}),
        Gives::Upgrade => {
            json!({"description": "Switching to the viewer wire (docs/reference/wire.md)"})
        }
        Gives::Media(media) => with(media, json!({})),
    }
}

fn operation_id(route: &Route) -> String {
    let mut id = route.method.to_ascii_lowercase();
    let parts = route.path.trim_start_matches("/api/v1").split(['/', '.']);
    for part in parts.filter(|p| !p.is_empty()) {
        id.push('_');
        id.push_str(part.trim_matches(['{', '}']));
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(name)) = map.get("$ref") {
                    found.insert(name.trim_start_matches("#/components/schemas/").to_owned());
                }
                map.values().for_each(|v| references(v, found));
            }
            Value::Array(list) => list.iter().for_each(|v| references(v, found)),
            _ => {}
        }
    }

    #[test]
    fn every_schema_that_is_named_is_there_and_every_one_there_is_named() {
        let document = describe();
        let mut named = BTreeSet::new();
        references(&document, &mut named);
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let there: BTreeSet<String> = schemas.keys().cloned().collect();
        assert_eq!(named, there);
    }

    #[test]
    fn operations_have_names_of_their_own() {
        let ids: BTreeSet<String> = ROUTES.iter().map(operation_id).collect();
        assert_eq!(ids.len(), ROUTES.len());
    }

    /// The contract for people and the table say the same routes.
    #[test]
    fn the_reference_names_every_route() {
        let reference = include_str!("../../../docs/reference/api.md");
        for route in ROUTES.iter().filter(|r| r.path != "/ca.crt") {
            let path = route.path.trim_start_matches("/api/v1");
            let told = reference.lines().any(|line| {
                line.contains(&format!("{} {path}", route.method))
                    || (path == "/openapi.json" || path == "/metrics") && line.contains(path)
            });
            assert!(
                told,
                "docs/reference/api.md does not tell of {} {path}",
                route.method
            );
        }
    }
}
