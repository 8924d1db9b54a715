// Calls of a profile as a tree; two of them as one that tells what grew.

import { isRuntime } from "./names.js";

/** A tree out of `format=json`: {name, own, total, children}, with `before` totals of a difference. */
export function treeOf(profile) {
  const nodes = profile.calls.map(([, name, own, total, , grown]) => ({
    name: profile.functions[name], own, total, before: grown === undefined ? undefined : total - grown, children: [],
  }));
  const root = { name: "all", own: 0, total: profile.total, before: profile.before, children: [] };
  profile.calls.forEach(([caller], i) => (caller === -1 ? root : nodes[caller]).children.push(nodes[i]));
  return root;
}

/** Both trees in one: numbers of `after`, with those of `before` scaled to the same length of time. */
export function difference(before, after, scale) {
  return join("all", before, after, scale);
}

function join(name, before, after, scale) {
  const children = new Map();
  for (const child of after?.children ?? []) add(children, child, 1);
  for (const child of before?.children ?? []) add(children, child, 0);
  return {
    name,
    own: after?.own ?? 0,
    total: after?.total ?? 0,
    before: (before?.total ?? 0) * scale,
    children: [...children.values()].map(({ name: of, sides }) => join(of, sides[0], sides[1], scale)),
  };
}

// A function may be called from two places of the same caller: they count together.
function add(children, child, side) {
  if (!children.has(child.name)) children.set(child.name, { name: child.name, sides: [undefined, undefined] });
  const { sides } = children.get(child.name);
  sides[side] = sides[side] === undefined ? child : { ...child, own: sides[side].own + child.own, total: sides[side].total + child.total, children: [...sides[side].children, ...child.children] };
}

/** Without the frames of runtimes that stand between those of the service; what they weigh is their caller's. */
export function fold(root) {
  return { ...root, children: gather(root.children.flatMap(foldNode)) };
}

// A frame of a runtime stays where the service calls it, with all below, unless that leads back into the service.
function foldNode(node) {
  const children = node.children.flatMap(foldNode);
  if (!isRuntime(node.name) || !node.children.some(leadsBack)) return [{ ...node, children: gather(children) }];
  return children;
}

/** Without any frame of a runtime: what those weigh counts for whoever of the service called them. */
export function absorb(root) {
  return strip(fold(root));
}

function strip(node) {
  const kept = node.children.filter((child) => !isRuntime(child.name)).map(strip);
  const below = kept.reduce((sum, child) => sum + child.total, 0);
  return { ...node, own: Math.max(0, node.total - below), children: kept };
}

const leadsBack = (node) => !isRuntime(node.name) || node.children.some(leadsBack);

// Calls of one function that came to stand side by side are one.
function gather(children) {
  const byName = new Map();
  for (const child of children) {
    const known = byName.get(child.name);
    if (known === undefined) byName.set(child.name, child);
    else byName.set(child.name, { ...known, own: known.own + child.own, total: known.total + child.total, before: child.before === undefined ? undefined : known.before + child.before, children: gather([...known.children, ...child.children]) });
  }
  return [...byName.values()];
}

/** What each function weighs by itself and with all that it called, the heaviest first. */
export function functionsOf(root) {
  const sums = new Map();
  const visit = (node, above) => {
    const entry = sums.get(node.name) ?? { name: node.name, own: 0, total: 0, before: 0 };
    sums.set(node.name, entry);
    entry.own += node.own;
    // of a function that calls itself, the outermost call has all
    const again = above.has(node.name);
    if (!again) {
      entry.total += node.total;
      entry.before += node.before ?? 0;
      above.add(node.name);
    }
    for (const child of node.children) visit(child, above);
    if (!again) above.delete(node.name);
  };
  for (const child of root.children) visit(child, new Set());
  return [...sums.values()].sort((a, b) => b.own - a.own);
}
