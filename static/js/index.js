"use strict";

// The heading, as in the article: the script draws it, the stylesheet colours it.
const HEADING = "Hello from behind the proxy";
const KEPT = 60;

const main = document.querySelector("main");
const byId = (id) => document.getElementById(id);

function recall() {
  try {
    const kept = JSON.parse(localStorage.getItem("answers") || "[]");
    return Array.isArray(kept) ? kept.filter(Number.isInteger).slice(-KEPT) : [];
  } catch {
    return [];
  }
}

let answers = recall();

function remember(slot) {
  answers = [...answers, slot].slice(-KEPT);
  try {
    localStorage.setItem("answers", JSON.stringify(answers));
  } catch {
    // A browser that keeps nothing still shows this page's answers.
  }
}

function element(tag, text, slot) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (slot !== undefined) made.dataset.slot = slot;
  return made;
}

function bar(slot, count, most) {
  const row = element("li", "", slot);
  const track = element("span", "");
  const filled = element("div", "");
  filled.className = "bar";
  filled.style.width = `${(100 * count) / most}%`;
  track.append(filled);
  row.append(element("span", `webapp.${slot}`), track, element("span", String(count)));
  return row;
}

function drawSpread() {
  const counts = new Map();
  for (const slot of answers) counts.set(slot, (counts.get(slot) || 0) + 1);
  const slots = [...counts.keys()].sort((a, b) => a - b);
  const most = Math.max(1, ...counts.values());
  byId("spread-text").textContent =
    `The last ${answers.length} answers came from ${slots.length} ${slots.length === 1 ? "replica" : "replicas"}.`;
  byId("ribbon").replaceChildren(...answers.map((slot) => element("li", String(slot), slot)));
  byId("bars").replaceChildren(...slots.map((slot) => bar(slot, counts.get(slot), most)));
}

async function ask(times) {
  for (let turn = 0; turn < times; turn += 1) {
    const reply = await fetch(main.dataset.whoami, { cache: "no-store" });
    if (!reply.ok) throw new Error(`/whoami answered ${reply.status}`);
    remember((await reply.json()).slot);
    drawSpread();
  }
}

byId("heading").textContent = HEADING;
byId("spread").hidden = false;
remember(Number(main.dataset.slot));
drawSpread();

byId("reload").addEventListener("click", () => location.assign("/"));
byId("forget").addEventListener("click", () => {
  answers = [];
  localStorage.removeItem("answers");
  drawSpread();
});
byId("ask").addEventListener("click", async (event) => {
  event.target.disabled = true;
  try {
    await ask(30);
  } catch (error) {
    byId("spread-text").textContent = String(error.message);
  }
  event.target.disabled = false;
});
byId("upload").addEventListener("submit", (event) => {
  const file = event.target.elements.file.files[0];
  const tooLarge = file !== undefined && file.size > 1000 * 1000;
  byId("form-error").hidden = !tooLarge;
  if (!tooLarge) return;
  event.preventDefault();
  byId("form-error").textContent = "That is more than 1 MB: nginx would answer 413 before the app sees it.";
});
