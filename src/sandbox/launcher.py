"""Runs one emulator. mrctl starts it as `python -I -c THIS MODULE LIFE FOLDER PATCHES`; MODULE has a function `main` that serves
until it ends, PATCHES is the text of a program that mends it before.

LIFE is `detached` (a session of its own, so that closing the terminal does not end it) or `parent` (it ends when standard input
does, and removes FOLDER: the system closes that pipe when the process that holds its other end is gone, however it went).
"""
import gc
import importlib
import os
import shutil
import sys
import threading


def end_with_parent():
    while os.read(0, 4096):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


module, life, folder, patches = sys.argv[1:5]
if life == "parent":
    threading.Thread(target=end_with_parent, daemon=True).start()
else:
    os.setsid()
sys.argv[1:] = []
serves = importlib.import_module(module)
exec(compile(patches, "patches", "exec"), {"__name__": "patches"})
# What the emulators have loaded stays for good and what they make stays for long: looking for garbage in it is most of their work.
gc.freeze()
gc.set_threshold(50_000, 20, 50)
serves.main()
