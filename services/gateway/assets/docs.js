// The page to try the API: operations by tag, search, and the login.
"use strict";

let contract = null;
const TOKEN_KEY = "trinity.token";
const byId = (id) => document.getElementById(id);

/** The access token of this tab. */
function token() {
  return sessionStorage.getItem(TOKEN_KEY) || "";
}

function setToken(value) {
  if (value) sessionStorage.setItem(TOKEN_KEY, value);
  else sessionStorage.removeItem(TOKEN_KEY);
  byId("account").textContent = value ? "Logged in" : "Log in";
  byId("account").classList.toggle("primary", !value);
  document.dispatchEvent(new Event("token"));
}

/** Every operation with its place, in the order of the document. */
function operations() {
  return Object.entries(contract.paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, operation]) => ({ path, verb: verb.toUpperCase(), operation })));
}

function pathView(path) {
  const parts = path.split(/(\{[^}]+\})/).map((part) => (part.startsWith("{") ? make("b", {}, part) : part));
  return make("span", { class: "path" }, ...parts);
}

function card({ path, verb, operation }) {
  const inside = make("div", { class: "inside" });
  const details = make("details", { class: `operation ${verb.toLowerCase()}`, id: operation.operationId },
    make("summary", {}, make("span", { class: "verb" }, verb), pathView(path), make("span", { class: "title" }, operation.summary)),
    inside);
  details.addEventListener("toggle", () => {
    if (details.open && !inside.childElementCount) fillOperation(inside, verb, path, operation);
  });
  details.dataset.words = `${verb} ${path} ${operation.operationId} ${operation.description}`.toLowerCase();
  return details;
}

function link({ path, verb, operation }) {
  const anchor = make("a", { href: `#${operation.operationId}`, title: `${verb} ${path}`, class: verb.toLowerCase() },
    make("span", { class: "verb" }, verb === "DELETE" ? "DEL" : verb), make("span", {}, operation.summary));
  anchor.dataset.words = `${verb} ${path} ${operation.operationId} ${operation.description}`.toLowerCase();
  return anchor;
}

function render() {
  byId("version").textContent = contract.info.version;
  const all = operations();
  const main = [make("section", { class: "intro" },
    make("h1", {}, "Try the API"),
    make("p", { class: "quiet" }, contract.info.description))];
  const index = [];
  for (const tag of contract.tags) {
    const own = all.filter(({ operation }) => operation.tags.includes(tag.name));
    main.push(make("section", { class: "group" },
      make("div", { class: "tag" }, make("h2", {}, tag.name), make("p", { class: "quiet" }, tag.description)),
      ...own.map(card)));
    index.push(make("section", { class: "group" }, make("h3", {}, tag.name), ...own.map(link)));
  }
  byId("main").replaceChildren(...main);
  byId("index").replaceChildren(...index);
  openTarget();
}

function openTarget() {
  const target = location.hash && byId(location.hash.slice(1));
  if (target) {
    target.open = true;
    target.scrollIntoView();
  }
}

function filter(text) {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  for (const item of document.querySelectorAll("[data-words]")) {
    item.hidden = !words.every((word) => item.dataset.words.includes(word));
  }
  for (const group of document.querySelectorAll(".group")) {
    group.hidden = !group.querySelector("[data-words]:not([hidden])");
  }
}

async function logIn() {
  const form = byId("login").querySelector("form");
  const fault = byId("login-fault");
  const pasted = form.token.value.trim();
  fault.textContent = "";
  if (pasted) {
    setToken(pasted);
    byId("login").close();
    return;
  }
  const body = { email: form.email.value, password: form.password.value };
  if (form.tenant.value) body.tenant = form.tenant.value;
  try {
    const response = await fetch("/api/v1/auth/login", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    const answer = await response.json();
    if (!answer.success) throw new Error(answer.error.message);
    setToken(answer.data.access_token);
    form.password.value = "";
    byId("login").close();
  } catch (error) {
    fault.textContent = error.message;
  }
}

function listen() {
  byId("account").addEventListener("click", () => byId("login").showModal());
  byId("login-go").addEventListener("click", logIn);
  byId("login").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.tagName === "INPUT") { event.preventDefault(); logIn(); }
  });
  byId("logout").addEventListener("click", () => { setToken(""); byId("login").querySelector("form").reset(); });
  byId("search").addEventListener("input", (event) => filter(event.target.value));
  addEventListener("hashchange", openTarget);
  addEventListener("keydown", (event) => {
    if (event.key === "/" && !/INPUT|TEXTAREA|SELECT/.test(event.target.tagName)) { event.preventDefault(); byId("search").focus(); }
  });
}

async function start() {
  listen();
  setToken(token());
  try {
    contract = await (await fetch("/openapi.json")).json();
    render();
  } catch (error) {
    byId("main").replaceChildren(make("p", { class: "fault" }, `The contract could not be read: ${error.message}`));
  }
}

start();
