// SPDX-License-Identifier: Apache-2.0
// One conversation with the server, and what happened on the way to its last answer. Model output is only ever
// inserted as text.
import { chat, getJson } from "./api.js";
import { showTrace } from "./trace.js";

const $ = id => document.getElementById(id);
const history = [];
let running = null;

async function loadModels() {
  try {
    const models = (await getJson("v1/models")).data;
    const chosen = $("model").value || "stoa";
    $("model").replaceChildren(...models.map(model => {
      const option = document.createElement("option");
      option.value = option.textContent = model.id;
      return option;
    }));
    $("model").value = models.some(model => model.id === chosen) ? chosen : models[0].id;
    showExperts(models.filter(model => model.x_stoa.kind === "expert"));
    const health = await getJson("health");
    $("status").textContent = `${health.status}: ${health.model}, ${health.experts} experts, ` +
      `router ${health.router ? "on" : "off"}, memory ${health.memory ? "on" : "off"}`;
  } catch (problem) {
    $("status").textContent = `no connection: ${problem.message}`;
  }
}

function showExperts(models) {
  const checked = new Set([...document.querySelectorAll("#experts input:checked")].map(box => box.value));
  const legend = document.createElement("legend");
  legend.textContent = models.length ? "Force experts" : "No experts mounted";
  $("experts").replaceChildren(legend, ...models.map(model => {
    const label = document.createElement("label");
    const box = document.createElement("input");
    box.type = "checkbox";
    box.value = model.x_stoa.expert;
    box.checked = checked.has(box.value);
    label.append(box, box.value);
    return label;
  }));
}

function bubble(role, text) {
  const item = document.createElement("li");
  item.className = role;
  const who = document.createElement("span");
  who.className = "who";
  who.textContent = { user: "You", assistant: $("model").value, error: "Error" }[role];
  const body = document.createElement("span");
  body.textContent = text;
  item.append(who, body);
  $("messages").append(item);
  item.scrollIntoView({ block: "end" });
  return body;
}

async function send() {
  const text = $("question").value.trim();
  if (!text || running) return;
  $("question").value = "";
  history.push({ role: "user", content: text });
  bubble("user", text);
  const body = bubble("assistant", "");
  const forced = [...document.querySelectorAll("#experts input:checked")].map(box => ({ id: box.value }));
  running = new AbortController();
  setRunning(true);
  let answer = "";
  try {
    const started = performance.now();
    const last = await chat({
      model: $("model").value, messages: history, stream: true, stream_options: { include_usage: true },
      temperature: Number($("temperature").value), max_tokens: Number($("tokens").value),
      x_stoa: { explain: true, ...(forced.length ? { experts: forced } : {}) },
    }, running.signal, piece => {
      answer += piece;
      body.textContent = answer;
      body.parentElement.scrollIntoView({ block: "end" });
    });
    $("announce").textContent = answer;
    showTrace(last, performance.now() - started);
  } catch (problem) {
    if (problem.name === "AbortError") {
      body.textContent = answer + " (stopped)";
    } else {
      if (!answer) body.parentElement.remove();
      bubble("error", problem.message);
    }
  } finally {
    if (answer) history.push({ role: "assistant", content: answer });
    else history.pop();
    running = null;
    setRunning(false);
    $("question").focus();
  }
}

function setRunning(on) {
  $("send").disabled = on;
  $("stop").disabled = !on;
}

$("form").addEventListener("submit", event => {
  event.preventDefault();
  send();
});
$("question").addEventListener("keydown", event => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    send();
  }
});
$("stop").addEventListener("click", () => running?.abort());
$("clear").addEventListener("click", () => {
  running?.abort();
  history.length = 0;
  $("messages").replaceChildren();
  $("question").focus();
});
document.addEventListener("keydown", event => {
  if (event.key === "Escape") running?.abort();
});
loadModels();
setInterval(loadModels, 10000);
