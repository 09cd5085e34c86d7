"""The stage of the annotator draws anew only what changed, and shows what drawing all of it would."""

from __future__ import annotations

from services.studio.access import Role
from tests.browser.conftest import OpenContext, login_token
from tests.unit.studio.studio_harness import Browser

# A stage beside the page, with a plain picture and many marks; what it did is told by numbers.
STAGE = """async () => {
  const [{Scene}, {View}] = await Promise.all([import("/web/canvas/scene.js"), import("/web/canvas/view.js")]);
  const stage = document.createElement("div");
  stage.style.background = "rgb(40, 42, 46)";
  document.body.append(stage);
  const canvas = () => stage.appendChild(document.createElement("canvas"));
  const cross = stage.appendChild(document.createElement("div"));
  cross.append(document.createElement("i"), document.createElement("i"));
  const view = new View(800, 600);
  view.resize(400, 300);
  view.fit();
  let seed = 5;
  const random = () => { seed = (seed * 48271) % 2147483647; return seed / 2147483647; };
  const box = (id, label = 1 + Math.floor(3 * random())) => {
    const [x, y] = [700 * random(), 500 * random()];
    return {id, kind: "box", label, points: [x, y, x + 20 + 60 * random(), y + 20 + 60 * random()]};
  };
  const editor = {shapes: Array.from({length: 60}, (_, n) => box(`s${n}`)), shownProposals: [], selected: null,
    corner: -1, proposed: null, preview: null, draft: [], cursor: null, stroke: null,
    tool: "select", brush: 5, label: 1};
  let pictures = 0;
  const picture = {draw: (context, at, [x0, y0, x1, y1]) => {
    pictures += 1;
    context.fillStyle = "rgb(120, 90, 60)";
    const [left, top] = at.toScreen([x0, y0]);
    context.fillRect(left, top, (x1 - x0) * at.scale, (y1 - y0) * at.scale);
  }};
  const made = () => {
    const elements = {picture: canvas(), marks: canvas(), cross};
    const scene = new Scene({elements, editor, looks: {filter: ""}, onSettled: () => {}});
    scene.open(picture);
    return scene;
  };
  const scene = made();
  const counted = (act) => { const before = pictures; act(); scene.draw(view); return pictures - before; };
  const pixels = ({layer: {canvas, context}}) => context.getImageData(0, 0, canvas.width, canvas.height).data;
  const found = {
    first: counted(() => {}),
    pans: Array.from({length: 40}, () => counted(() => view.pan(2, 1))).reduce((a, b) => a + b),
    zooms: Array.from({length: 8}, () => counted(() => view.zoom(1.05))).reduce((a, b) => a + b),
  };
  view.fit();
  scene.forget();
  scene.draw(view);
  const dragged = editor.shapes[7];
  found.taken = counted(() => {
    editor.selected = dragged.id;
    editor.preview = {...dragged};
    editor.shapes = editor.shapes.map((each) => (each.id === dragged.id ? editor.preview : each));
  });
  found.drags = Array.from({length: 30}, () => counted(() => {
    const next = {...editor.preview, points: editor.preview.points.map((value) => value + 2)};
    editor.shapes = editor.shapes.map((each) => (each === editor.preview ? next : each));
    editor.preview = next;
  })).reduce((a, b) => a + b);
  editor.preview = null;
  // Edits of every kind, one after the other, each drawn as it comes.
  for (let n = 0; n < 120; n += 1) {
    const at = Math.floor(random() * editor.shapes.length);
    if (n % 4 === 0) editor.shapes = editor.shapes.filter((_, i) => i !== at);
    else if (n % 4 === 1) editor.shapes = [...editor.shapes, box(`n${n}`)];
    else if (n % 4 === 2) editor.shapes = editor.shapes.map((each, i) => (i === at ? box(each.id) : each));
    else [editor.selected, editor.corner] = [editor.shapes[at].id, n % 3 - 1];
    if (n % 10 === 0) view.pan(9, -5);
    scene.draw(view);
  }
  scene.draw(view);
  const other = made();
  const {x, y} = scene.layer.drawn.view; // the margin is a quarter of the stage
  other.draw(Object.assign(Object.create(View.prototype), view, {x: x - 100, y: y - 75}));
  const [parts, whole] = [pixels(scene), pixels(other)];
  found.length = parts.length;
  found.differing = parts.reduce((sum, value, i) => sum + (Math.abs(value - whole[i]) > 40 ? 1 : 0), 0);
  found.overlay = [scene.overlay.canvas.width, scene.overlay.canvas.height];
  // A stroke is drawn piece by piece: it covers what drawing it at once would, and no more of it is drawn twice.
  const points = [[100, 100]];
  view.fit();
  editor.tool = "brush";
  editor.stroke = {points, radius: 30};
  for (let n = 1; n < 60; n += 1) {
    points.push([100 + 9 * n, 100 + 80 * Math.sin(n / 6) ** 2]);
    editor.cursor = points.at(-1);
    scene.draw(view);
  }
  const covered = ({overlay: {canvas, context}}) => {
    const at = new DOMMatrix(canvas.style.transform);
    const {data} = context.getImageData(0, 0, canvas.width, canvas.height);
    return Array.from({length: 320}, (_, n) => {
      const [x, y] = [40 + 4 * (n % 80) - at.e, 45 + 15 * Math.floor(n / 80) - at.f].map(Math.round);
      return x < canvas.width && y < canvas.height && data[4 * (y * canvas.width + x) + 3] > 127;
    });
  };
  const grown = covered(scene);
  editor.stroke = {points: [...points], radius: 30};
  scene.draw(view);
  const atOnce = covered(scene);
  found.stroke = {
    covered: grown.filter(Boolean).length, opacity: scene.overlay.canvas.style.opacity,
    differing: grown.filter((each, n) => each !== atOnce[n]).length,
  };
  editor.stroke = null;
  scene.draw(view);
  found.stroke.after = scene.overlay.canvas.style.opacity;
  stage.remove();
  return found;
}"""


async def test_a_frame_costs_what_changed_and_parts_add_up_to_the_whole(
    studio: tuple[Browser, str], open_context: OpenContext
) -> None:
    one, address = studio
    page = (await open_context(address, login_token(one, Role.ANNOTATOR))).pages[0]
    found = await page.evaluate(STAGE)
    assert found["first"] == 1
    assert found["pans"] == 0  # within the margin the layer is moved
    assert found["zooms"] <= 2  # it is stretched, until too little of it is left
    assert found["taken"] <= 2  # where the mark was, and nothing else
    assert found["drags"] == 0
    assert max(found["overlay"]) <= 256  # of a stage of 400 x 300: as large as the mark that moved
    assert found["differing"] < found["length"] / 2000
    stroke = found["stroke"]
    assert stroke["covered"] > 60
    assert (stroke["differing"], stroke["opacity"], stroke["after"]) == (0, "0.45", "")
