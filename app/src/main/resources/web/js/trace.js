// SPDX-License-Identifier: Apache-2.0
// The right-hand panel: routing bars with their thresholds, the stages with their times, the numbers.
const $ = id => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined && text !== null) made.textContent = text;
  return made;
}

function shape(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function bar(label) {
  const row = element("div", label.kept ? "label kept" : "label");
  const drawing = shape("svg", { viewBox: "0 0 100 14", preserveAspectRatio: "none", role: "img",
    "aria-label": `${label.name}: probability ${label.p.toFixed(2)}, threshold ${label.threshold.toFixed(2)}, ${label.kept ? "kept" : "not kept"}` });
  drawing.append(shape("rect", { class: "track", x: 0, y: 1, width: 100, height: 12 }),
    shape("rect", { class: "value", x: 0, y: 1, width: 100 * label.p, height: 12 }),
    shape("line", { class: "mark", x1: 100 * label.threshold, x2: 100 * label.threshold, y1: 0, y2: 14 }));
  row.append(element("span", "name", (label.kept ? "✓ " : "") + label.name), drawing, element("span", "number", label.p.toFixed(2)));
  row.title = label.dropped_by ? `dropped: ${label.dropped_by}` : "";
  return row;
}

function showRoute(trace) {
  const route = trace.route;
  if (!route) {
    const forced = trace.experts.map(one => one.id).join(" and ");
    $("sentence").textContent = forced ? `${forced} mounted as asked` : "The base answered alone; nothing was routed.";
    $("labels").replaceChildren();
    return;
  }
  $("sentence").textContent = route.sentence || (route.fallback ? `base: ${route.reason}` : route.active.map(one => one.expert).join(" and ") + " mounted");
  const labels = route.labels || route.domains.map(one => ({ name: one.name, p: one.score, threshold: 0.12, kept: route.active.some(a => a.expert === one.expert) }));
  $("labels").replaceChildren(...labels.slice(0, 8).map(bar));
}

function showStages(stages) {
  $("stages").replaceChildren(...stages.map(stage => {
    const row = element("tr");
    row.append(element("td", "", stage.id), element("td", stage.status, stage.status),
      element("td", "number", (stage.dur_us / 1000).toFixed(1)), element("td", "quiet", stage.reason || stage.detail || ""));
    return row;
  }));
}

export function showTrace(last, tookMs) {
  const trace = last.x_stoa;
  if (!trace) return;
  showRoute(trace);
  showStages(trace.stages);
  const usage = last.usage || {};
  const decodeMs = trace.timing_ms.total - trace.timing_ms.first_token;
  const facts = {
    experts: trace.experts.map(one => `${one.id}${one.version ? "@" + one.version : ""} × ${one.weight}`).join(", ") || "base",
    combined: trace.experts.length > 1 ? trace.compose : "–",
    "prompt tokens": usage.prompt_tokens,
    "answer tokens": usage.completion_tokens,
    "first token": `${trace.timing_ms.first_token.toFixed(0)} ms`,
    speed: usage.completion_tokens > 1 && decodeMs > 0 ? `${(1000 * (usage.completion_tokens - 1) / decodeMs).toFixed(0)} tokens/s` : "–",
    "seen here": `${tookMs.toFixed(0)} ms`,
    degraded: trace.degraded.join(", ") || "nothing",
    request: trace.request_id,
  };
  $("stats").replaceChildren(...Object.entries(facts).flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]));
}
