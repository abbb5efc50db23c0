// A small relay between the page and the gateway, on one port for TCP and UDP, which the tests can cut.
import dgram from "node:dgram";
import net from "node:net";

/** Hands bytes to and fro. `refuse`: connections are reset, new ones too. `swallow`: nothing passes, nobody is told. */
export async function relay(target) {
  let mode = "pass";
  const pairs = new Set();
  const server = net.createServer((near) => {
    if (mode === "refuse") {
      near.resetAndDestroy();
      return;
    }
    const far = net.connect({ host: hostOf(target), port: Number(target.port) });
    const pair = { near, far, dead: mode === "swallow" };
    pairs.add(pair);
    const end = () => {
      pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    near.on("data", (bytes) => pair.dead || far.write(bytes));
    far.on("data", (bytes) => pair.dead || near.write(bytes));
    for (const side of [near, far]) {
      side.on("error", end);
      side.on("close", end);
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  const udp = await datagrams(target, port);
  return {
    url: `${target.protocol}//127.0.0.1:${port}`,
    udp,
    set(to) {
      mode = to;
      for (const pair of pairs) {
        if (to === "refuse") {
          pair.near.resetAndDestroy();
          pair.far.destroy();
        } else if (to === "swallow") pair.dead = true;
      }
    },
    close() {
      this.set("refuse");
      server.close();
      udp.close();
    },
  };
}

/** Datagrams, each way as they come; `open = false` is a firewall that drops them without a word. */
async function datagrams(target, port) {
  const near = dgram.createSocket("udp4");
  const far = new Map();
  const udp = {
    open: true,
    /** Datagrams from the gateway that were handed on. */
    passed: 0,
    close() {
      near.close();
      for (const socket of far.values()) socket.close();
    },
  };
  const to = (address, of) => {
    const known = far.get(of);
    if (known) return known;
    const socket = dgram.createSocket(hostOf(target).includes(":") ? "udp6" : "udp4");
    far.set(of, socket);
    socket.on("error", () => undefined);
    socket.on("message", (bytes) => {
      if (!udp.open) return;
      udp.passed += 1;
      near.send(bytes, address.port, address.address);
    });
    return socket;
  };
  near.on("message", (bytes, address) => {
    if (!udp.open) return;
    to(address, `${address.address}:${address.port}`).send(bytes, Number(target.port), hostOf(target));
  });
  near.on("error", () => undefined);
  await new Promise((resolve) => near.bind(port, "127.0.0.1", resolve));
  return udp;
}

const hostOf = (target) => target.hostname.replace(/^\[|\]$/g, "");
