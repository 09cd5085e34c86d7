/** @import { Architecture, Category, Next, Option } from "../../types/answers.d.ts" */
import { call, dataOf } from "../model/calls.js";
import { at, element, wordsOf } from "../model/elements.js";
import { ready } from "../model/ready.js";

/** @type {Category[]} */
const choices = dataOf("choices");
const classes = at("classes", HTMLTextAreaElement);
/** @type {{ category: Category, option: Option, architecture: Architecture }} */
const chosen = {
  category: choices[0], option: choices[0].options[0], architecture: choices[0].options[0].architectures[0],
};
let classesTyped = false;
classes.addEventListener("input", () => { classesTyped = classes.value.trim() !== ""; });

/** @type {(name: string) => string} */
const words = (name) => name.replaceAll("_", " ");

/**
 * @typedef {{
 *   title: string, detail: string, tag?: string, checked: boolean, disabled?: boolean, choose: () => void,
 * }} Card
 * @type {(card: Card) => HTMLElement}
 */
function radio({ title, detail, tag, checked, disabled, choose }) {
  return element("button", {
    type: "button", className: "card", role: "radio", "aria-checked": String(checked), disabled: Boolean(disabled), onclick: choose,
  }, element("strong", { textContent: title }), tag ? element("div", { className: "tag", textContent: tag }) : null,
  element("span", { textContent: detail }));
}

/** @type {(id: string, cards: HTMLElement[]) => void} */
function fill(id, cards) {
  at(id).replaceChildren(...cards);
}

/** @param {Category} category */
function chooseCategory(category) {
  chosen.category = category;
  chooseOption(category.options[0]);
}

/** @param {Option} option */
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

at("new-dataset").addEventListener("submit", async (event) => {
  event.preventDefault();
  const refusal = at("refusal");
  refusal.hidden = true;
  try {
    /** @type {Next} */
    const answer = await call("POST", "/api/datasets", {
      dataset_id: at("dataset-id", HTMLInputElement).value.trim(),
      category: chosen.category.category,
      option: chosen.option.option,
      architecture: chosen.architecture.architecture,
      class_names: classes.value.split("\n").map((line) => line.trim()).filter(Boolean),
    });
    location.assign(answer.next);
  } catch (error) {
    refusal.textContent = wordsOf(error);
    refusal.hidden = false;
  }
});

chooseCategory(choices[0]);
ready();
