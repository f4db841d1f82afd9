"""What the programs of this folder are told: --help shows how each one begins."""
import argparse


def parser_of(doc):
    return argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
