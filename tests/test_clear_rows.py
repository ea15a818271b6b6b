"No row of the dataset gets into git by saving a notebook."
import json, subprocess, sys
from pathlib import Path

from clear_rows import clean_before_saving, clear_rows, shows_rows

ROOT = Path(__file__).parent.parent
ESSAY = ROOT/'nbs/12_six_examples.ipynb'
ROW = {'output_type': 'display_data', 'metadata': {}, 'data': {'text/html': ['a row']}}

def essay_after_run_all():
    "The notebook of the first essay as it is in memory after Run All: every code cell has an output"
    notebook = json.loads(ESSAY.read_text(encoding='utf-8'))
    for number, cell in enumerate(notebook['cells']):
        if cell['cell_type'] == 'code': cell.update(outputs=[ROW], execution_count=number)
    return notebook

def test_clear_rows_clears_only_cells_that_show_rows():
    notebook = essay_after_run_all()
    row_cells = [cell for cell in notebook['cells'] if shows_rows(cell)]
    assert row_cells and clear_rows(notebook) == len(row_cells)
    for cell in notebook['cells']:
        if cell['cell_type'] == 'code': assert bool(cell['outputs']) != shows_rows(cell)

def test_widgets_and_their_state_are_cleared():
    view = {'output_type': 'display_data', 'data': {'application/vnd.jupyter.widget-view+json': {'model_id': 'ab12'}}}
    result = {'output_type': 'execute_result', 'data': {'text/plain': ['what a cell with a progress bar gives']}}
    cell = {'cell_type': 'code', 'source': ['browse(hh)'], 'outputs': [view, result]}
    notebook = {'cells': [cell], 'metadata': {'widgets': {'state': {'ab12': {'value': 'a row'}}}}}
    assert clear_rows(notebook) == 1
    assert cell['outputs'] == [result] and notebook['metadata'] == {}

def test_saving_from_jupyter_clears_rows_and_counts():
    notebook = essay_after_run_all()
    clean_before_saving(path=str(ESSAY), model={'type': 'notebook', 'content': notebook})
    code = [cell for cell in notebook['cells'] if cell['cell_type'] == 'code']
    assert not any(cell['outputs'] for cell in code if shows_rows(cell))
    assert all(cell['execution_count'] is None for cell in code)

def test_saving_other_files_is_left_alone():
    model = {'type': 'file', 'content': 'text'}
    clean_before_saving(path='notes.txt', model=model)
    assert model == {'type': 'file', 'content': 'text'}

def test_jupyter_finds_the_hook(tmp_path):
    "As `make lab` starts it: through JUPYTER_CONFIG_PATH"
    code = ('from jupyter_server.serverapp import ServerApp\n'
            'app = ServerApp()\n'
            'app.load_config_file()\n'
            'print(app.config.ContentsManager.pre_save_hook.__name__)\n')
    env = {'JUPYTER_CONFIG_PATH': str(ROOT/'tools/jupyter'), 'HOME': str(tmp_path)}
    said = subprocess.run([sys.executable, '-c', code], env=env, capture_output=True, text=True, check=True).stdout
    assert said.strip() == 'clean_before_saving'
