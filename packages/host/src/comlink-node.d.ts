/** comlink's adapter for Node ships without a declaration that resolves. */
declare module "comlink/dist/esm/node-adapter.mjs" {
  import type { Endpoint } from "comlink";
  export interface NodeEndpoint {
    // biome-ignore lint/suspicious/noExplicitAny: as comlink declares it
    postMessage(message: any, transfer?: any[]): void;
    // biome-ignore lint/suspicious/noExplicitAny: as comlink declares it
    on(type: string, listener: any): unknown;
    // biome-ignore lint/suspicious/noExplicitAny: as comlink declares it
    off(type: string, listener: any): unknown;
    start?: () => void;
  }
  export default function nodeEndpoint(port: NodeEndpoint): Endpoint;
}
