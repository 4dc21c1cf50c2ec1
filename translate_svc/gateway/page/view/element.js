/** Makes elements of the page. */

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element. `attributes`: those that are null or false are left out. */
export function html(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

/** An icon of 24 units, drawn by one path. */
export function icon(path) {
  return svg("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, svg("path", { d: path }));
}

/** The element of the page with an id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Seconds of a duration in milliseconds, for people: `1.25 s`. */
export function seconds(ms, digits = 1) {
  return `${(Math.max(0, ms) / 1000).toFixed(digits)} s`;
}

/** A share from 0 to 1, for people: `23 %`. */
export function percent(share) {
  return `${Math.round(100 * share)} %`;
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}
