"""Runs one emulator. mrctl starts it as `python -I -c THIS MODULE LIFE FOLDER`; MODULE has a function `main` that serves until it ends.

LIFE is `detached` (a session of its own, so that closing the terminal does not end it) or `parent` (it ends when standard input
does, and removes FOLDER: the system closes that pipe when the process that holds its other end is gone, however it went).
"""
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


module, life, folder = sys.argv[1:4]
if life == "parent":
    threading.Thread(target=end_with_parent, daemon=True).start()
else:
    os.setsid()
sys.argv[1:] = []
importlib.import_module(module).main()
