/** Keeps the end of the conversation in view while it grows, for a person who looks there. */

const NEAR_PX = 60; // about two lines of text

/** Follows the end of a list. Whoever scrolls away from it is left where he reads, until he comes back. */
export class EndFollower {
  #list;
  #mayMove;
  #wanted = true;
  #scrolledPx = 0; // from the top, when it was last looked at

  /** `mayMove()`: whether the page may be scrolled now. */
  constructor(list, mayMove) {
    this.#list = list;
    this.#mayMove = mayMove;
    addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#follow()).observe(list);
  }

  /** Somebody begins to speak, and wants to see what comes. */
  begin() {
    this.#wanted = true;
    this.#scrolledPx = scrollY; // the event of an earlier scroll may come later
  }

  /** The list may have grown since it was scrolled here: only who goes up leaves its end. */
  #scrolled() {
    if (this.#hiddenPx < NEAR_PX) this.#wanted = true;
    else if (scrollY < this.#scrolledPx) this.#wanted = false;
    this.#scrolledPx = scrollY;
  }

  #follow() {
    const top = this.#hiddenPx;
    if (!this.#wanted || top <= 0 || !this.#mayMove()) return;
    scrollBy({ top, behavior: "instant" });
    this.#scrolledPx = scrollY;
  }

  /** How far the end of the list lies below what is visible; the bar of a phone covers a part of the window. */
  get #hiddenPx() {
    const covered = Number.parseFloat(getComputedStyle(document.documentElement).scrollPaddingBottom) || 0;
    return this.#list.getBoundingClientRect().bottom - (innerHeight - covered);
  }
}
