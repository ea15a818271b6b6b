"Hands settings.ini to setuptools. Who the package is stands in pyproject.toml, its version in hh_nbdev/__init__.py."
from configparser import ConfigParser
from setuptools import setup

cfg = ConfigParser(delimiters='=', interpolation=None)
cfg.read('settings.ini', encoding='utf-8')
def entries(section): return [f'{name} = {target}' for name, target in cfg[section].items()]

setup(keywords=cfg['package']['keywords'].split(', '),
      install_requires=cfg['package']['dependencies'].split(),
      extras_require={name: needs.split() for name, needs in cfg['extras'].items()},
      entry_points={'console_scripts': entries('scripts'), 'nbdev': entries('nbdev')})
