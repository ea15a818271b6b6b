"""Load, look at and train on Anthropic's HH preference pairs, with every row accounted for

    from hh_nbdev import load_hh

    hh = load_hh('sample')
    hh.report                         # what became of every row
    pair = hh[2]
    pair.instruction, pair.chosen, pair.rejected
    train, val = hh.split(val=10)     # no conversation is on both sides

Without an argument, `load_hh` finds the four training files, or downloads and verifies them. `help(load_hh)`, and
`help` of any other name below, says what it takes, gives and raises.
"""
__version__ = "0.1.0"

from .files import SOURCES, BadFile, DataNotFound, find_files
from .transcript import FLAGS, BadRow
from .load import HH, Pair, Report, iter_hh, load_hh
from .look import browse, examples, show
from .train import ALPACA, DIALOGUE, Template
from .verdicts import agreement, kappa
from .review import Review, review_terminal, review_widget, write_look

__all__ = [
    'ALPACA', 'DIALOGUE', 'FLAGS', 'HH', 'SOURCES', 'BadFile', 'BadRow', 'DataNotFound', 'Pair', 'Report', 'Review', 'Template',
    'agreement', 'browse', 'examples', 'find_files', 'iter_hh', 'kappa', 'load_hh', 'review_terminal', 'review_widget', 'show',
    'write_look']
