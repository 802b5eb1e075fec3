// SPDX-License-Identifier: Apache-2.0
// Calls to the server this page came from. A key, when the server wants one, lives in session storage only.

function headers() {
  const key = sessionStorage.getItem("stoa-key");
  return { "Content-Type": "application/json", ...(key ? { Authorization: `Bearer ${key}` } : {}) };
}

async function checked(response) {
  if (response.ok) return response;
  let message = `the server answered ${response.status}`;
  try {
    message = (await response.json()).error.message;
  } catch { /* not JSON: the status has to do */ }
  if (response.status === 401) {
    const key = window.prompt("This server needs an API key");
    if (key) sessionStorage.setItem("stoa-key", key);
  }
  throw new Error(message);
}

export async function getJson(path) {
  return (await checked(await fetch(path, { headers: headers() }))).json();
}

// Streams an answer: onText gets each piece; returns the last chunk with x_stoa and usage.
export async function chat(body, signal, onText) {
  const response = await checked(await fetch("v1/chat/completions",
    { method: "POST", headers: headers(), body: JSON.stringify(body), signal }));
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let last = {};
  while (true) {
    const { done, value } = await reader.read();
    if (done) return last;
    rest += value;
    const frames = rest.split("\n\n");
    rest = frames.pop();
    for (const frame of frames) {
      if (!frame.startsWith("data: ") || frame === "data: [DONE]") continue;
      const chunk = JSON.parse(frame.slice(6));
      if (chunk.error) throw new Error(chunk.error.message);
      for (const choice of chunk.choices) if (choice.delta.content) onText(choice.delta.content);
      if (chunk.x_stoa) last = chunk;
    }
  }
}
