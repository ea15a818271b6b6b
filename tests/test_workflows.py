"The workflows, as far as they can be read without a runner"
import re, subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
WORKFLOWS = sorted((ROOT/'.github/workflows').glob('*.yml'))
USED = [*WORKFLOWS, *(ROOT/'.github/actions').rglob('*.yml')]
CURRENT = {'checkout': 7, 'setup-python': 7, 'cache': 6}
CURRENT |= {'configure-pages': 6, 'upload-pages-artifact': 5, 'deploy-pages': 5}

def workflow(name): return yaml.safe_load((ROOT/f'.github/workflows/{name}.yml').read_text(encoding='utf-8'))

def jobs():
    return [(f'{path.stem}/{name}', job) for path in WORKFLOWS for name, job in workflow(path.stem)['jobs'].items()]

@pytest.mark.parametrize('path', USED, ids=lambda path: path.stem)
def test_actions_are_current(path):
    for name, version in re.findall(r'uses: actions/([\w-]+)@v(\d+)', path.read_text(encoding='utf-8')):
        assert int(version) >= CURRENT[name], f'{name}@v{version} runs on a Node that runners no longer have'

@pytest.mark.parametrize('name, job', jobs(), ids=lambda given: given if isinstance(given, str) else '')
def test_each_job_has_a_time_limit(name, job): assert 0 < job['timeout-minutes'] <= 120

def test_code_under_test_may_only_read():
    site = workflow('site')
    assert site['permissions'] == {} and set(site['jobs']['build']['permissions'].values()) == {'read'}
    assert workflow('test')['permissions'] == {'contents': 'read'}

def test_the_job_that_may_publish_runs_no_code_of_ours():
    deploy = workflow('site')['jobs']['deploy']
    assert deploy['permissions'] == {'pages': 'write', 'id-token': 'write'}
    assert [step['uses'].split('@')[0] for step in deploy['steps']] == ['actions/deploy-pages']

def test_a_newer_site_stops_the_building_of_an_older_one_but_not_its_publishing():
    site = workflow('site')
    assert 'concurrency' not in site
    assert {name: job['concurrency']['cancel-in-progress'] for name, job in site['jobs'].items()} == \
        {'build': True, 'deploy': False}

@pytest.mark.parametrize('path', USED, ids=lambda path: path.stem)
def test_no_echo_hides_that_a_command_failed(path):
    assert not re.findall(r'echo .*\$\(.*', path.read_text(encoding='utf-8')), 'the status would be that of echo'

@pytest.mark.parametrize('name, job', jobs(), ids=lambda given: given if isinstance(given, str) else '')
def test_each_job_calls_what_exists(name, job):
    commands = '\n'.join(step.get('run', '') for step in job['steps'])
    rules = (ROOT/'Makefile').read_text(encoding='utf-8').replace('$(VENV)', '.venv')
    for target in re.findall(r'^make (\S+)$', commands, re.M):
        assert re.search(rf'^(.* )?{re.escape(target)}( .*)?:', rules, re.M), target
    for file in re.findall(r'\.ci/run|tests/\w+\.py', commands): assert (ROOT/file).is_file(), file

def test_bash_can_read_ci_run(): subprocess.run(['bash', '-n', ROOT/'.ci/run'], check=True)

def test_the_site_is_tested_after_quarto_and_before_it_is_handed_on():
    steps = workflow('site')['jobs']['build']['steps']
    at = {step.get('run', step.get('uses', '')): i for i, step in enumerate(steps)}
    tested = at['.venv/bin/pytest tests/test_site.py']
    assert at['make docs'] < tested < at['actions/upload-pages-artifact@v5']
    assert steps[tested]['env'] == {'SITE': '_docs', 'CI': 'true'}

def test_quarto_is_pinned():
    step = next(step for step in workflow('site')['jobs']['build']['steps'] if 'quarto' in step.get('uses', ''))
    assert re.fullmatch(r'\d+\.\d+\.\d+', str(step['with']['version']))

def test_every_python_that_we_name_is_tested():
    least = re.search(r'requires-python = ">=(.+)"', (ROOT/'pyproject.toml').read_text(encoding='utf-8'))[1]
    versions = workflow('test')['jobs']['test']['strategy']['matrix']['python']
    assert versions[0] == least and versions == [f'3.{minor}' for minor in range(int(least[2:]), 15)]

def test_the_data_is_cached_by_its_revision():
    steps = yaml.safe_load((ROOT/'.github/actions/data/action.yml').read_text(encoding='utf-8'))['runs']['steps']
    assert [step['with']['key'] for step in steps if 'cache' in step.get('uses', '')] == \
        ['hh-${{ steps.data.outputs.revision }}-${{ inputs.splits }}']
    asking = [job for _, job in jobs() for step in job['steps'] if step.get('uses') == './.github/actions/data']
    assert len(asking) == 3

def test_where_torch_comes_from_is_set_in_one_variable():
    for name, job in (('test', 'all'), ('site', 'build')):
        assert workflow(name)['jobs'][job]['env']['PIP_EXTRA_INDEX_URL'] == '${{ vars.TORCH_INDEX }}'
