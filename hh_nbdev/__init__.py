"""Load, look at and train on Anthropic's HH preference pairs, with every row accounted for"""
__version__ = "0.1.0"

from .files import SOURCES, BadFile, DataNotFound, find_files
from .transcript import ASSISTANT, BAD, FLAGS, HUMAN, SKIPS, BadRow, parse_line, parse_row, read_line
from .load import HH, Pair, Report, iter_hh, load_hh
from .look import browse, examples, show
from .train import ALPACA, DIALOGUE, Template
from .review import Review, agreement, kappa, review_terminal, review_widget

__all__ = [
    'ALPACA', 'ASSISTANT', 'BAD', 'DIALOGUE', 'FLAGS', 'HH', 'HUMAN', 'SKIPS', 'SOURCES', 'BadFile', 'BadRow', 'DataNotFound', 'Pair', 'Report',
    'Review', 'Template', 'agreement', 'browse', 'examples', 'find_files', 'iter_hh', 'kappa', 'load_hh', 'parse_line', 'parse_row', 'read_line',
    'review_terminal', 'review_widget', 'show']
