"""What the programs of this folder are told: --help shows how each one begins."""
import argparse
import pathlib


def present_file(text):
    """One that is there: whoever reads it may be another process, which nobody would hear."""
    return _there(text, pathlib.Path.is_file, "no such file")


def trained_folder(text):
    """A folder that a training program wrote."""
    return _there(text, lambda folder: (folder / "train.json").is_file(),
                  "holds no train.json: expected a folder that a training program wrote")


def _there(text, is_right, complaint):
    path = pathlib.Path(text)
    if not is_right(path):
        raise argparse.ArgumentTypeError(f"{text}: {complaint}")
    return path


def parser_of(doc):
    return argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
