"""Load, look at and train on Anthropic's HH preference pairs, with every row accounted for"""
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
