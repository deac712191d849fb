// Nothing: its precompiled headers are what others use.
