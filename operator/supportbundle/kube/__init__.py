"""The API server and the ports of pods, over one small asynchronous client."""
