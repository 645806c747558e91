/**
 * comlink over Node's message ports. A thread that sleeps in Atomics.wait reads no mail, so whoever
 * posts also rings.
 */
import type { Endpoint } from "comlink";
import nodeAdapter, { type NodeEndpoint } from "comlink/dist/esm/node-adapter.mjs";

export function endpoint(port: NodeEndpoint, ring: () => void = () => {}): Endpoint {
  const node = nodeAdapter(port);
  return {
    addEventListener: node.addEventListener.bind(node),
    removeEventListener: node.removeEventListener.bind(node),
    ...(node.start === undefined ? {} : { start: node.start.bind(node) }),
    postMessage(...message: Parameters<Endpoint["postMessage"]>) {
      node.postMessage(...message);
      ring();
    },
  };
}
