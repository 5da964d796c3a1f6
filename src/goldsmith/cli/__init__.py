"""The command line: words become calls, events become lines. It holds no rule about images."""
