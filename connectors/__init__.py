"""Each connector knows one protocol and one vendor, with that vendor's sandbox. It knows no flow and no sibling."""
