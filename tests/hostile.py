"Texts that try to be more than text. In them, URL stands for a server that must never be asked."
from hypothesis import strategies as st

HOSTILE = {
    'script': '<script>hacked=1</script><script src="URL/script.js"></script>',
    'closes script and style': '</script></style></textarea></title><script>hacked=1</script>',
    'handler': '<img src=x onerror="hacked=1"><svg onload=hacked=1><body onload=hacked=1><details open ontoggle=hacked=1>',
    'leaves an attribute': '" onmouseover="hacked=1" autofocus onfocus="hacked=1" x="',
    'leaves a quoted attribute': "' onfocus='hacked=1' autofocus tabindex=0 '",
    'link': '<a id=lure href="javascript:hacked=1">click</a> [click](javascript:hacked=1) <a href="URL/link" ping="URL/ping">x</a>',
    'remote image': '<img src="URL/pixel.png"> ![pixel](URL/pixel.png) <picture><source srcset="URL/a.png"></picture>',
    'frame': '<iframe src="URL/frame"></iframe><iframe srcdoc="<script>parent.hacked=1</script>"></iframe><object data="URL/object"></object>',
    'style': '<style>*{display:none!important} body{background:url(URL/style.png)}</style><link rel=stylesheet href="URL/style.css">',
    'refresh': '<meta http-equiv=refresh content="0;url=URL/refresh"><base href="URL/">',
    'closes the layout': '</dd></div></dl></div></p></bdi></mark></details></body></html><plaintext>',
    'opens a comment': '<!-- all that follows vanishes <![CDATA[ <?php <noscript><template>',
    'form': '<form action="URL/form"><input name=q autofocus><button formaction="javascript:hacked=1">Next</button></form>',
    'entities': '&lt;script&gt; &#60;script&#62; &amp;amp; &nbsp &notit;',
    'MathML and SVG': '<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=hacked=1&gt;">',
    'Markdown': '# heading\n\n* list\n\n```{=html}\n<script>hacked=1</script>\n```\n\n::: {.callout}\n{{< include /etc/passwd >}}\n---\nb: 1\n---',
    'LaTeX': r'It costs $5, or $$\int_0^1 x$$ \(a_b\) \[c^d\] \begin{align}e\end{align} \href{javascript:hacked=1}{f} $6',
    'rich markup': '[bold red]not bold[/bold red] [link=URL/rich]here[/link] :smile: [/] [',
    'right to left': 'abc\u202efed\u202c \u2067isolate\u2069 \u200fmark \u061c',
    'Hebrew and Arabic': 'שלום, עולם! مرحبا 123 (a) ב',
    'terminal colours': '\x1b[31mred\x1b[0m \x1b[8mhidden \x9b31m C1',
    'terminal control': '\x1b[2J\x1b[H\x1b[?1049h\x1b]0;title\x07\x1b]8;;URL/osc\x1b\\link\x1b]8;;\x1b\\\x1b]52;c;aGk=\x07\x1bP+q\x1b\\\x1b[6n\x1bc',
    'control characters': 'bell\x07 back\x08\x08\x08space \x00null \x7fdelete \x0b\x0c \x0e\x0f return\rover \x85next',
    'no width': 'a\u200bb\u200cc\u200dd\ufeffe\u2060f\u00adg\u180eh\u034fi \U000e0041\U000e0042 \u3164',
    'other line ends': 'one\u2028two\u2029three\x1cfour\x1dfive',
    'marks piled up': 'Z' + '\u0335\u0321\u0322\u0327\u0328\u0330\u0301\u0302\u0303\u0304' * 30 + 'algo',
    'wide': '谢谢你们的帮助，' * 30 + '👩‍👩‍👧‍👦🏳️‍🌈🇩🇪' * 10,
    'lone surrogate': 'half \ud83d of a face',
    'long word': 'x' * 100_000,
    'long word of tags': '<b>' * 20_000,
    'many words': 'to be or not to be ' * 5_000,
    'many lines': 'line\n' * 3_000 + 'end',
    'white space': 'a' + ' ' * 500 + 'b\t\t\tc' + '\n' * 60 + 'd',
}

# Any text, rich in what means something to HTML, Markdown or a terminal; or one of the above
TEXTS = (st.text(st.characters() | st.sampled_from('<>&"\'$\\`[]{}\n\r\t \x1b\u202e\u200b\ud800'))
         | st.sampled_from(list(HOSTILE.values())))
