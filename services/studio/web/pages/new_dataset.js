import { call, dataOf } from "../model/calls.js";
import { element } from "../model/elements.js";
import { ready } from "../model/ready.js";

const choices = dataOf("choices");
const classes = document.getElementById("classes");
const chosen = { category: choices[0], option: null, architecture: null };
let classesTyped = false;
classes.addEventListener("input", () => { classesTyped = classes.value.trim() !== ""; });

const words = (name) => name.replaceAll("_", " ");

function radio({ title, detail, tag, checked, disabled, choose }) {
  return element("button", {
    type: "button", className: "card", role: "radio", "aria-checked": String(checked), disabled: Boolean(disabled), onclick: choose,
  }, element("strong", { textContent: title }), tag ? element("div", { className: "tag", textContent: tag }) : null,
  element("span", { textContent: detail }));
}

function fill(id, cards) {
  document.getElementById(id).replaceChildren(...cards);
}

function chooseCategory(category) {
  chosen.category = category;
  chooseOption(category.options[0]);
}

function chooseOption(option) {
  chosen.option = option;
  chosen.architecture = option.architectures[0];
  if (!classesTyped) classes.value = option.classes.join("\n");
  show();
}

function show() {
  fill("categories", choices.map((each) => radio({
    title: words(each.category), detail: each.options.map((option) => words(option.option)).join(", "),
    checked: each === chosen.category, choose: () => chooseCategory(each),
  })));
  fill("options", chosen.category.options.map((each) => radio({
    title: words(each.option), detail: each.architectures[0].what,
    checked: each === chosen.option, choose: () => chooseOption(each),
  })));
  fill("architectures", chosen.option.architectures.map((each, index) => radio({
    title: words(each.architecture), detail: each.reason, tag: index === 0 && each.available ? "suggested" : "",
    checked: each === chosen.architecture, disabled: false,
    choose: () => { chosen.architecture = each; show(); },
  })));
}

document.getElementById("new-dataset").addEventListener("submit", async (event) => {
  event.preventDefault();
  const refusal = document.getElementById("refusal");
  refusal.hidden = true;
  try {
    const answer = await call("POST", "/api/datasets", {
      dataset_id: document.getElementById("dataset-id").value.trim(),
      category: chosen.category.category,
      option: chosen.option.option,
      architecture: chosen.architecture.architecture,
      class_names: classes.value.split("\n").map((line) => line.trim()).filter(Boolean),
    });
    location.assign(answer.next);
  } catch (error) {
    refusal.textContent = error.message;
    refusal.hidden = false;
  }
});

chooseCategory(choices[0]);
ready();
