// DOM from data. Text is set as text, never as markup: names come from strangers.

// The element that the page has by an id, of the kind that is worked with; a page without it is a fault.
/**
 * @overload
 * @param {string} id
 * @returns {HTMLElement}
 */
/**
 * @template {Element} Kind
 * @overload
 * @param {string} id
 * @param {new () => Kind} kind
 * @returns {Kind}
 */
/** @param {string} id @param {new () => Element} [kind] @returns {Element} */
export function at(id, kind = HTMLElement) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new TypeError(`this page has no ${kind.name} #${id}`);
  return found;
}

// The same of what some pages have and some have not.
/**
 * @overload
 * @param {string} id
 * @returns {HTMLElement | null}
 */
/**
 * @template {Element} Kind
 * @overload
 * @param {string} id
 * @param {new () => Kind} kind
 * @returns {Kind | null}
 */
/** @param {string} id @param {new () => Element} [kind] @returns {Element | null} */
export function perhaps(id, kind = HTMLElement) {
  const found = document.getElementById(id);
  return found instanceof kind ? found : null;
}

// The first within `place` that a selector names.
/**
 * @overload
 * @param {ParentNode} place
 * @param {string} selector
 * @returns {HTMLElement}
 */
/**
 * @template {Element} Kind
 * @overload
 * @param {ParentNode} place
 * @param {string} selector
 * @param {new () => Kind} kind
 * @returns {Kind}
 */
/** @param {ParentNode} place @param {string} selector @param {new () => Element} [kind] @returns {Element} */
export function within(place, selector, kind = HTMLElement) {
  const found = place.querySelector(selector);
  if (!(found instanceof kind)) throw new TypeError(`there is no ${kind.name} ${selector}`);
  return found;
}

// All within `place` that a selector names.
/**
 * @template {Element} Kind
 * @param {ParentNode} place
 * @param {string} selector
 * @param {new () => Kind} kind
 * @returns {Kind[]}
 */
export function allWithin(place, selector, kind) {
  const found = [];
  for (const each of place.querySelectorAll(selector)) if (each instanceof kind) found.push(each);
  return found;
}

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @typedef {Partial<HTMLElementTagNameMap[Tag]> & { [name: `aria-${string}` | `data-${string}`]: string }} Properties
 */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Properties<Tag>} [properties] what is called on… is listened to
 * @param {...(Node | string | null | undefined)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  const given = Object.entries(/** @type {Record<string, unknown>} */ (properties));
  for (const [name, value] of given) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), /** @type {EventListener} */ (value));
    else if (name in made && name !== "list") Object.assign(made, { [name]: value });
    else made.setAttribute(name, String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** @param {string} text @param {string} [kind] */
export function notice(text, kind = "") {
  const shown = element("p", { className: kind, textContent: text });
  at("notices").append(shown);
  setTimeout(() => shown.remove(), kind === "bad" ? 12000 : 5000);
}

// What was thrown, in words.
/** @type {(error: unknown) => string} */
export const wordsOf = (error) => (error instanceof Error ? error.message : String(error));
