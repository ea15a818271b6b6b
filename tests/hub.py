"A Hub on loopback: as much of its protocol as the real client speaks, with faults to switch on"
import hashlib, re, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = '09be8c5bbc57cb3887f3a9732ad6aa7ec602a1fa'
FAULTS = {
    '401': 'a status, without its body', '403': '', '404': '', '416': '', '429': '', '500': '',
    'cut': 'closes the connection after `at` bytes of the body',
    'stall': 'sends `at` bytes of the body and no more',
    'silent': 'takes the request and never answers',
    'slow': 'answers after some seconds',
    'wrong': 'sends the right length, with one bit in the middle turned over',
    'redirect': 'answers as for an LFS file: 302 to another host name, which has the bytes',
    'portal': 'answers 200 with a page of its own, as the log-in page of a hotel does',
    'private': 'answers 401 to whoever sends no token',
    'xet': 'says that the bytes lie in a Xet store, and names one that nobody runs',
}

class Hub(ThreadingHTTPServer):
    """Serves `files` (name -> bytes) as the dataset at its pinned commit; `log` keeps each request.

    `fault` meets the requests of `method`, and of those the first `times` (None: all)."""
    daemon_threads = True

    def __init__(self, files, fault=None, method='HEAD GET', times=None, at=1000, seconds=1):
        assert fault is None or fault in FAULTS
        super().__init__(('127.0.0.1', 0), Handler)
        self.files, self.fault, self.method, self.times = dict(files), fault, method, times
        self.at, self.seconds = at, seconds
        self.log, self.closing = [], threading.Event()
        self.url = f'http://127.0.0.1:{self.server_port}'

    def strike(self, method):
        "The fault that meets this request, or None"
        if method not in self.method or self.times == 0: return None
        if self.times: self.times -= 1
        return self.fault

    def gets(self): return [request for request in self.log if request['method'] == 'GET']

    def handle_error(self, request, client_address): "A client that goes away is part of the test"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.shutdown()
        self.server_close()

def one_bit_wrong(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle+1:]

class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *_): "Not to the terminal"

    def answer(self, status, body=b'', upto=None, **headers):
        "Announce all of `body`, send it up to byte `upto`"
        self.send_response(status)
        for name, value in {'Content-Length': len(body), **headers}.items():
            self.send_header(name.replace('_', '-'), str(value))
        self.end_headers()
        if self.command == 'GET':
            self.wfile.write(body[:upto])
            self.wfile.flush()

    def do_GET(self):
        hub, auth = self.server, self.headers.get('Authorization')
        found = re.search(rf'/(cdn|datasets/Anthropic/hh-rlhf/resolve/{COMMIT})/(.+)', self.path)
        if not found: return self.answer(404)  # what a client asks besides is not our business
        name, elsewhere = found[2], found[1] == 'cdn'
        hub.log.append(dict(method=self.command, name=name, range=self.headers.get('Range'), auth=auth, elsewhere=elsewhere))
        fault = hub.strike(self.command)
        if name not in hub.files or fault == '404':
            return self.answer(404, X_Error_Code='EntryNotFound', X_Repo_Commit=COMMIT)
        if fault == 'silent': return hub.closing.wait()
        if fault == 'portal': return self.answer(200, b'<html>Please log in</html>')
        if fault == 'private' and not auth: return self.answer(401)
        if fault and fault.isdigit(): return self.answer(int(fault))
        if fault == 'slow': time.sleep(hub.seconds)
        self.send_file(name, fault, elsewhere)

    do_HEAD = do_GET

    def send_file(self, name, fault, elsewhere):
        "Send a file or the part that is asked for, in the way that the fault wants it"
        hub, data, span = self.server, self.server.files[name], self.headers.get('Range')
        about = dict(ETag=f'"{hashlib.sha256(data).hexdigest()}"', X_Repo_Commit=COMMIT, X_Linked_Size=len(data))
        if fault == 'xet':
            about |= dict(X_Xet_Hash='0'*64, X_Xet_Refresh_Route=f'{hub.url}/no-such-store')
        if fault == 'redirect' and not elsewhere:
            return self.answer(302, Location=f'http://localhost:{hub.server_port}/cdn/{name}', **about)
        if fault == 'wrong': data = one_bit_wrong(data)

        start = int(re.search(r'\d+', span)[0]) if span else 0
        if start >= len(data): return self.answer(416, Content_Range=f'bytes */{len(data)}')
        if span: about['Content_Range'] = f'bytes {start}-{len(data)-1}/{len(data)}'
        broken = fault in ('cut', 'stall')
        self.answer(206 if span else 200, data[start:], hub.at if broken else None, **about)
        if fault == 'stall': hub.closing.wait()
        if broken: self.close_connection = True
