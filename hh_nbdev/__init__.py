"""Load, look at and train on Anthropic's HH preference pairs, with every row accounted for"""
__version__ = "0.1.0"

from hh_nbdev.files import *
from hh_nbdev.transcript import *
from hh_nbdev.load import *
