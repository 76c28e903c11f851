// An MCP Apps host as the ext-apps package means it: its Client speaks with our server, its AppBridge with the view.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { AppBridge, PostMessageTransport, getToolUiResourceUri } from "@modelcontextprotocol/ext-apps/app-bridge";

const INFO = { name: "viewer-tests", version: "1" };
const FRAME = "allow-scripts";

/** Call a tool and show its view; `capabilities` is what this host can do. Resolves when the view has been given the result. */
window.openTool = async ({ name, args, theme, capabilities, sandbox }) => {
  const client = new Client(INFO, { capabilities: { extensions: { "io.modelcontextprotocol/ui": { mimeTypes: ["text/html;profile=mcp-app"] } } } });
  await client.connect(new StreamableHTTPClientTransport(new URL("/mcp", location.href)));
  window.client = client;
  const tool = (await client.listTools()).tools.find((t) => t.name === name);
  const uri = getToolUiResourceUri(tool);
  const [view] = (await client.readResource({ uri })).contents;
  await fetch("/view", { method: "POST", body: view.text });

  window.bridge?.close();
  document.querySelector("iframe")?.remove();
  const frame = document.createElement("iframe");
  frame.setAttribute("sandbox", FRAME);
  document.body.append(frame);
  const bridge = new AppBridge(client, INFO, capabilities, { hostContext: { theme, displayMode: "inline", toolInfo: { tool } } });
  window.bridge = bridge;
  window.contexts = [];
  bridge.onupdatemodelcontext = async (params) => (window.contexts.push(params), {});
  bridge.addEventListener("sizechange", ({ height }) => { frame.style.height = `${height}px`; });
  const ready = new Promise((resolve) => bridge.addEventListener("initialized", resolve));
  await bridge.connect(new PostMessageTransport(frame.contentWindow, frame.contentWindow));
  frame.src = sandbox;
  await ready;
  await bridge.sendToolInput({ arguments: args });
  const result = await client.callTool({ name, arguments: args });
  await bridge.sendToolResult(result);
  return { uri, mimeType: view.mimeType, size: view.text.length };
};
