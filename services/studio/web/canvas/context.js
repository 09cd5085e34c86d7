// The 2D context of a canvas.
/**
 * @overload
 * @param {HTMLCanvasElement} canvas
 * @param {CanvasRenderingContext2DSettings} [options]
 * @returns {CanvasRenderingContext2D}
 */
/**
 * @overload
 * @param {OffscreenCanvas} canvas
 * @param {CanvasRenderingContext2DSettings} [options]
 * @returns {OffscreenCanvasRenderingContext2D}
 */
/**
 * @param {HTMLCanvasElement | OffscreenCanvas} canvas
 * @param {CanvasRenderingContext2DSettings} [options]
 * @returns {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D}
 */
export function contextOf(canvas, options) {
  // Said twice, since a canvas of the page and one off the screen have getContext apart from each other.
  const isOffscreen = canvas instanceof OffscreenCanvas;
  const context = isOffscreen ? canvas.getContext("2d", options) : canvas.getContext("2d", options);
  if (!context) throw new Error("this browser gives no context to draw on");
  return context;
}
