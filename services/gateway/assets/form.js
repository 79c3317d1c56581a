// The form of one operation: its fields, the request made from them, and the answer.
"use strict";

/** Makes an element; strings among the children become text, never markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Follows a reference into the document. */
function resolve(schema) {
  while (schema && schema.$ref) {
    schema = schema.$ref.slice(2).split("/").reduce((place, key) => place[key], contract);
  }
  return schema || {};
}

/** A value that fits a schema, to start from. */
function example(schema, depth = 0) {
  schema = resolve(schema);
  if (schema.anyOf) return example(schema.anyOf[0], depth);
  if (schema.enum) return schema.enum[Math.min(1, schema.enum.length - 1)];
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case "object": {
      if (depth > 3) return {};
      const value = {};
      for (const [name, field] of Object.entries(schema.properties || {})) value[name] = example(field, depth + 1);
      return value;
    }
    case "array": return depth > 3 ? [] : [example(schema.items, depth + 1)];
    case "string": return schema.format === "date-time" ? "2026-01-31T12:00:00Z" : "";
    case "integer": case "number": return 0;
    case "boolean": return false;
    default: return {};
  }
}

/** A body with its required fields alone, or with all when none is required. */
function firstBody(schema) {
  const whole = example(schema);
  const required = resolve(schema).required || [];
  if (!required.length) return {};
  return Object.fromEntries(required.map((name) => [name, whole[name]]));
}

function fieldRow(parameter, inputs) {
  const schema = resolve(parameter.schema);
  const id = `f${Math.random().toString(36).slice(2)}`;
  const attributes = { id, "data-name": parameter.name, "data-in": parameter.in, autocomplete: "off", spellcheck: "false" };
  const words = schema.enum || (schema.type === "boolean" ? ["false", "true"] : null);
  const input = words
    ? make("select", attributes, make("option", { value: "" }, "—"), ...words.map((word) => make("option", { value: word }, word)))
    : make("input", { ...attributes, placeholder: schema.format || schema.type || "" });
  inputs.push(input);
  return [
    make("label", { for: id }, parameter.name, parameter.required ? make("i", { title: "required" }, " *") : ""),
    input,
    make("span", { class: "about" }, parameter.description || (parameter.in === "path" ? "in the path" : "")),
  ];
}

/** Quotes a word for a shell. */
function quote(word) {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** Reads the form: the URL, the fetch options and the curl line that does the same. */
function readRequest(verb, path, inputs, bodyInput, fileInput) {
  const query = new URLSearchParams();
  const headers = {};
  for (const input of inputs) {
    const { name, in: place } = input.dataset;
    if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(input.value));
    else if (input.value !== "" && place === "query") query.append(name, input.value);
    else if (input.value !== "" && place === "header") headers[name] = input.value;
  }
  const search = query.toString();
  const url = `${location.origin}${path}${search ? `?${search}` : ""}`;
  const curl = ["curl", verb === "GET" ? "" : `-X ${verb}`, quote(url)].filter(Boolean);
  const options = { method: verb, headers };
  if (token()) headers.Authorization = `Bearer ${token()}`;
  if (bodyInput && bodyInput.value.trim()) {
    headers["Content-Type"] = "application/json";
    options.body = bodyInput.value;
  }
  for (const [name, value] of Object.entries(headers)) {
    const shown = name === "Authorization" ? '"Authorization: Bearer $TOKEN"' : quote(`${name}: ${value}`);
    curl.push(`\\\n  -H ${shown}`);
  }
  if (options.body) curl.push(`\\\n  -d ${quote(options.body)}`);
  if (fileInput) {
    const file = fileInput.files[0];
    if (file) {
      options.body = new FormData();
      options.body.append("file", file);
    }
    curl.push(`\\\n  -F ${quote(`file=@${file ? file.name : "data.csv"}`)}`);
  }
  return { url, options, curl: curl.join(" ") };
}

const TOKENS = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
/** Colours up to this many characters; beyond it plain text is quicker to show. */
const COLOUR_LIMIT = 200000;

/** Indents JSON without reading its numbers, so that none of them changes. */
function indent(text) {
  let depth = 0;
  const lead = () => `\n${"  ".repeat(depth)}`;
  return text.replace(/"(?:\\.|[^"\\])*"|[{[]\s*[}\]]|[{}[\],:]|\s+/g, (part) => {
    if (/^\s/.test(part)) return "";
    if (part === "{" || part === "[") { depth += 1; return part + lead(); }
    if (part === "}" || part === "]") { depth -= 1; return lead() + part; }
    if (part === ",") return part + lead();
    return part === ":" ? ": " : part;
  });
}

function coloured(text) {
  const pre = make("pre");
  if (text.length > COLOUR_LIMIT) {
    pre.textContent = text;
    return pre;
  }
  let from = 0;
  for (const match of text.matchAll(TOKENS)) {
    pre.append(text.slice(from, match.index));
    const kind = match[2] ? "key" : match[1] ? "text" : match[3] ? "word" : "number";
    pre.append(make("span", { class: kind }, match[1] || match[0]), match[2] || "");
    from = match.index + match[0].length;
  }
  pre.append(text.slice(from));
  return pre;
}

async function showAnswer(place, request) {
  const started = performance.now();
  place.replaceChildren(make("p", { class: "quiet" }, "…"));
  let response;
  try {
    response = await fetch(request.url, request.options);
  } catch (error) {
    place.replaceChildren(make("p", { class: "fault" }, `The gateway did not answer: ${error.message}`));
    return;
  }
  const name = /filename="([^"]*)"/.exec(response.headers.get("Content-Disposition") || "");
  const blob = await response.blob();
  const took = Math.round(performance.now() - started);
  const line = make("div", { class: "row" },
    make("span", { class: `status ${response.ok ? "good" : "bad"}` }, `${response.status} ${response.statusText}`.trim()),
    make("span", { class: "quiet" }, `${took} ms · ${blob.size.toLocaleString()} bytes · ${response.headers.get("X-Request-Id") || ""}`));
  if (name) {
    const link = make("a", { href: URL.createObjectURL(blob), download: name[1] }, `Save ${name[1]}`);
    place.replaceChildren(line, make("p", {}, link));
    return;
  }
  const text = await blob.text();
  const isJson = (response.headers.get("Content-Type") || "").includes("json");
  place.replaceChildren(line, text ? coloured(isJson ? indent(text) : text) : "");
}

/** Fills an operation that is opened for the first time. */
function fillOperation(inside, verb, path, operation) {
  const inputs = [];
  const rows = (operation.parameters || []).flatMap((parameter) => fieldRow(parameter, inputs));
  const content = operation.requestBody && operation.requestBody.content;
  const schema = content && content["application/json"] && content["application/json"].schema;
  const bodyInput = schema
    ? make("textarea", { rows: 7, spellcheck: "false", "aria-label": "Body" }) : null;
  if (bodyInput) bodyInput.value = JSON.stringify(firstBody(schema), null, 2);
  const fileInput = content && content["multipart/form-data"] ? make("input", { type: "file", "aria-label": "File" }) : null;
  const curl = make("pre");
  const answer = make("div");
  const read = () => readRequest(verb, path, inputs, bodyInput, fileInput);
  const refresh = () => { curl.textContent = read().curl; };
  const send = async () => {
    go.disabled = true;
    await showAnswer(answer, read());
    go.disabled = false;
  };
  const go = make("button", { class: "primary", type: "button", onclick: send }, "Send");
  const copy = make("button", { class: "small spread", type: "button", onclick: () => navigator.clipboard.writeText(read().curl) }, "Copy");
  const success = Object.entries(operation.responses).find(([status]) => status.startsWith("2"))[1];
  const answerSchema = success.content && success.content["application/json"];
  inside.replaceChildren(...[
    make("p", {}, operation.description),
    badges(operation),
    rows.length ? make("section", {}, make("h4", {}, "Parameters"), make("div", { class: "fields" }, ...rows)) : null,
    bodyInput ? make("section", {}, make("h4", {}, "Body"), bodyInput,
      schemaView("Fields of the body", schema)) : null,
    fileInput ? make("section", {}, make("h4", {}, "File"), fileInput) : null,
    make("section", {}, make("div", { class: "row" }, make("h4", {}, "The same with curl"), copy), curl),
    make("div", { class: "row" }, go, make("span", { class: "quiet" }, "Ctrl + Enter")),
    answer,
    answerSchema ? schemaView("An answer looks like this", answerSchema.schema) : null,
  ].filter(Boolean));
  inside.addEventListener("input", refresh);
  inside.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) send();
  });
  document.addEventListener("token", refresh);
  refresh();
}

function schemaView(title, schema) {
  return make("details", { class: "schema" }, make("summary", {}, title), coloured(JSON.stringify(example(schema), null, 2)));
}

function badges(operation) {
  const badge = (text, code) => make("span", { class: "badge" }, text, code ? make("code", {}, code) : "");
  return make("div", { class: "badges" }, ...[
    operation["x-permission"] ? badge("needs ", operation["x-permission"]) : badge(operation["x-access"]),
    operation["x-audit-action"] ? badge("recorded as ", operation["x-audit-action"]) : null,
  ].filter(Boolean));
}
