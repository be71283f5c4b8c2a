"use strict";
const { review, labels, rows } = JSON.parse(document.getElementById("data").textContent);
const at = (id) => document.getElementById(id);
const key = `thawline-review-${review}`;
let state = { place: 0, answers: {}, undo: [] };
try {
  state = { ...state, ...JSON.parse(localStorage.getItem(key) || "{}") };
} catch (error) {
  warn("This browser keeps nothing for this page: save before you leave it.");
}

function warn(text) {
  at("trouble").textContent = text;
  at("trouble").hidden = false;
}

function keep() {
  try {
    localStorage.setItem(key, JSON.stringify(state));
  } catch (error) {
    warn("This browser keeps nothing more for this page: save before you leave it.");
  }
}

const answered = () => Object.values(state.answers).filter((one) => one.answer).length;
const now = () => rows[state.place];

function answer(kind, label) {
  const before = state.answers[now().row_id] || null;
  state.undo.push([state.place, before]);
  state.undo = state.undo.slice(-1000);
  const kind_ = label === now().given ? "keep" : kind;
  state.answers[now().row_id] = { comment: before ? before.comment : "", answer: kind_, label: kind_ === "label" ? label : "" };
  move(1);
}

function undo() {
  const last = state.undo.pop();
  if (!last) return;
  const [place, before] = last;
  state.place = place;
  if (before) state.answers[now().row_id] = before;
  else delete state.answers[now().row_id];
  keep();
  show();
}

function move(step) {
  state.place = Math.min(Math.max(state.place + step, 0), rows.length - 1);
  keep();
  show();
}

function comment(text) {
  const known = state.answers[now().row_id] || { answer: "", label: "" };
  state.answers[now().row_id] = { ...known, comment: text };
  keep();
}

function cell(value) {
  let text = String(value);
  const number = /^[+-]?[\d.,]*\d[\d.,]*([eE][+-]?\d+)?$/;
  if (/^'*[=+\-@\t\r]/.test(text) && !number.test(text)) text = `'${text}`;  // no spreadsheet takes it for a formula
  return /[",\n\r]/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text;
}

function save() {
  const columns = ["review", "row_id", "part", "source", "source_row", "reasons", "given", "suggested", "answer", "label", "comment"];
  const lines = rows
    .filter((row) => (state.answers[row.row_id] || {}).answer)
    .map((row) => ({ ...row, review, reasons: row.reasons.join("; "), ...state.answers[row.row_id] }))
    .map((row) => columns.map((name) => cell(row[name])).join(","));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([[columns.join(","), ...lines].join("\n") + "\n"], { type: "text/csv" }));
  link.download = `answers-${review}.csv`;
  link.click();
}

const percent = (share) => (share === null ? "" : ` (${Math.round(share * 100)} %)`);

/** The labels that keys stand for: all, or where there are more than nine the likeliest of the row. */
function choices(row) {
  return labels.length <= 9 ? labels : row.choices;
}

function button(label, number, said) {
  const made = document.createElement("button");
  const sign = document.createElement("kbd");
  sign.textContent = number + 1;
  made.append(sign, ` ${label}`);
  made.classList.toggle("is-chosen", said.answer === "label" && said.label === label);
  made.addEventListener("click", () => answer("label", label));
  return made;
}

function others(said) {
  const list = document.createElement("select");
  list.setAttribute("aria-label", "any other label");
  for (const label of ["other label …", ...labels]) list.append(new Option(label, label));
  list.selectedIndex = said.answer === "label" ? labels.indexOf(said.label) + 1 : 0;
  list.addEventListener("change", () => list.selectedIndex && answer("label", labels[list.selectedIndex - 1]));
  return list;
}

function show() {
  const row = now();
  const said = state.answers[row.row_id] || { answer: "", label: "", comment: "" };
  at("count").textContent = `row ${state.place + 1} of ${rows.length}, ${answered()} answered`;
  at("done").value = answered();
  at("reasons").textContent = row.reasons.join(", ");
  at("place").textContent = `${row.part === "test" ? "test row, " : ""}${row.source}, row ${row.source_row}`;
  at("text").textContent = row.text;
  at("picture").hidden = !row.picture;
  if (row.picture) at("picture").src = row.picture;
  at("given").textContent = row.given + percent(row.given_probability);
  at("suggested").textContent = row.probability === null ? "none yet" : row.suggested + percent(row.probability);
  at("labels").replaceChildren(...choices(row).map((label, number) => button(label, number, said)));
  if (labels.length > 9) at("labels").append(others(said));
  for (const name of ["keep", "unsure", "drop"]) at(name).classList.toggle("is-chosen", said.answer === name);
  at("undo").disabled = !state.undo.length;
  at("comment").value = said.comment;
  at("nearest").hidden = !row.neighbours.length;
  at("near").replaceChildren(
    ...row.neighbours.map(({ label, text }) => {
      const line = document.createElement("li");
      const tag = document.createElement("strong");
      tag.textContent = label;
      line.append(tag, `: ${text}`);
      return line;
    }),
  );
}

const acts = {
  k: () => answer("label", now().given),
  u: () => answer("unsure", ""),
  d: () => answer("drop", ""),
  z: undo,
  s: save,
  c: () => at("comment").focus(),
  ArrowLeft: () => move(-1),
  ArrowRight: () => move(1),
};
document.addEventListener("keydown", (event) => {
  if (event.target.id === "comment") {
    if (event.key === "Escape") at("comment").blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return;
  const label = choices(now())[Number(event.key) - 1];
  const act = label === undefined ? acts[event.key] : () => answer("label", label);
  if (!act) return;
  event.preventDefault();
  act();
});
at("comment").addEventListener("input", () => comment(at("comment").value));
for (const [id, sign] of Object.entries({ keep: "k", unsure: "u", drop: "d", undo: "z", save: "s", previous: "ArrowLeft", next: "ArrowRight" }))
  at(id).addEventListener("click", () => acts[sign]());
state.place = Math.min(state.place, rows.length - 1);
show();
