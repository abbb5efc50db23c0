#!/usr/bin/env python3
"""GStreamer's RTSP server passing on one camera: a peer for `fanout --url`.

usage: peers/gstreamer.py [CAMERA_URL [PORT]], then rtsp://127.0.0.1:PORT/camera

Needs Debian's gir1.2-gst-rtsp-server-1.0, gstreamer1.0-plugins-good and python3-gi (the system's Python).
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer

camera = sys.argv[1] if len(sys.argv) > 1 else "rtsp://127.0.0.1:8554/camera-1/main"
port = sys.argv[2] if len(sys.argv) > 2 else "8555"
Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1")
server.set_service(port)
factory = GstRtspServer.RTSPMediaFactory()
# One connection to the camera for all viewers, and no delay of the peer's own choosing.
factory.set_shared(True)
factory.set_latency(0)
factory.set_launch(
    f"( rtspsrc location={camera} protocols=tcp latency=0 ! rtph264depay ! h264parse"
    " ! rtph264pay name=pay0 pt=96 config-interval=-1 aggregate-mode=zero-latency )"
)
server.get_mount_points().add_factory("/camera", factory)
server.attach(None)
print(f"rtsp://127.0.0.1:{port}/camera", flush=True)
GLib.MainLoop().run()
