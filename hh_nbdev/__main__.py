"`python -m hh_nbdev`: the commands where their scripts are not on the path."
from .cli import main

main()
