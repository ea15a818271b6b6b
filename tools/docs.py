"""`python tools/docs.py` writes the site to _docs/ with Quarto, or else a plain preview of its pages to _preview/.

nbdev would hide Quarto's warnings, so Quarto is run from here and a warning is an error."""
import re, shutil, subprocess, sys
from pathlib import Path

import yaml
from nbdev.config import get_config
from nbdev.quarto import refresh_quarto_yml
from nbdev.serve import proc_nbs

sys.path.insert(0, str(Path(__file__).parent))
from pages import with_balanced_tables
from preview import ROOT, build, read, sidebar

def facts(address, version):
    "What depends on the version, and on the project's address if it has one, in the site's configuration"
    left, right = f'hh_nbdev {version}', 'MIT licence'
    website = {'page-footer': {'left': left, 'right': right}}
    if address:
        licence = f'[{right}]({address}/blob/main/LICENSE)'
        website['page-footer'] = {'left': f'[{left}]({address})', 'right': licence}
        website['repo-subdir'] = 'nbs'
        website['repo-actions'] = ['edit', 'issue']
        website['navbar'] = {'right': [{'icon': 'github', 'href': address, 'aria-label': 'The repository'}]}
    return {'website': website}

def llms(pages):
    "llms.txt: all pages with their descriptions, for tools that read Markdown"
    lines, current = ['# hh_nbdev', ''], ''
    for section, front in pages:
        if section != current: lines += ['', f'## {section}', '']
        current = section
        about = f': {front["description"]}' if front.get('description') else ''
        lines.append(f'- [{front["title"]}]({front["output-file"]}.md){about}')
    return '\n'.join(lines) + '\n'

def page_of(text):
    "A Markdown file as a page: its title as front matter, its tables balanced; it is at home one folder up"
    text = re.sub(r'\A# (.+)\n', r'---\ntitle: \1\n---\n', text.replace('](nbs/', ']('))
    return with_balanced_tables(text)

def prepare():
    "The pages as nbdev prepares them, with what the site needs beside them; the folder they are in"
    config = get_config()
    refresh_quarto_yml()
    text = yaml.safe_dump(facts(config.git_url, config.version), sort_keys=False)
    (ROOT/'nbs/facts.yml').write_text(text, encoding='utf-8')
    source = ROOT/proc_nbs(force=True)
    for path in source.glob('*.md'):
        text = path.read_text(encoding='utf-8')
        path.write_text(page_of(text), encoding='utf-8')
    pages = [(section, read(source/file)[0]) for section, file in sidebar()]
    (source/'llms.txt').write_text(llms(pages), encoding='utf-8')
    return source

def warnings(log):
    "What Quarto warned of; but it takes the text of a picture for an address where there is a % in it"
    found = re.findall(r'(?:WARN|\[WARNING\]|ERROR).*', log)
    return [line for line in found if "in attribute 'alt'" not in line]

def mend_markdown(out, names):
    "Name the Markdown beside each page in one way, and have it link to its neighbours by those names"
    for path in out.glob('*-commonmark.md'): shutil.copy(path, out/path.name.replace('-commonmark', '.html'))
    for path in out.glob('*.md'):
        text = path.read_text(encoding='utf-8')
        for file, page in names.items(): text = text.replace(f']({file}', f']({page}.md')
        path.write_text(text, encoding='utf-8')

def quarto(source, out):
    "Make the site with Quarto"
    command = ['quarto', 'render', '.', '--output-dir', '_docs']
    run = subprocess.run(command, cwd=source, capture_output=True, text=True)
    found = warnings(run.stderr)
    if run.returncode or found:
        sys.exit('\n'.join(['Quarto has something to say:', *(found or [run.stderr])]))
    shutil.rmtree(out, ignore_errors=True)
    shutil.move(source/'_docs', out)
    mend_markdown(out, {file: read(source/file)[0]['output-file'] for _, file in sidebar()})

def main():
    "Write the site, and say where it is"
    source = prepare()
    if shutil.which('quarto'):
        out = ROOT/'_docs'
        quarto(source, out)
    else:
        print('No quarto here (https://quarto.org/docs/get-started): a plain preview instead')
        out = ROOT/'_preview'
        build(source, out)
    print(f'Open {out}/index.html')

if __name__ == '__main__': main()
