#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What jinja2 in transformers' environment makes of template snippets and of chat templates in the usual styles.

python tools/golden/templates.py                          # the checked-in file
python tools/golden/templates.py --dir D --out FILE.jsonl # a campaign over every *.jinja in D:
                                                          #   mvn test -Dtest=TemplateGoldenTest -Dstoa.templates=FILE.jsonl
"""
import argparse
import json
import pathlib

from transformers.utils.chat_template_utils import render_jinja_template

OUT = pathlib.Path("engine/src/test/resources/golden/template/cases.jsonl")

CHATML = """{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"""
SPANS = """{%- for message in messages %}
    {%- if message.role == 'assistant' %}
<|im_start|>assistant
{% generation %}{{ message.content }}<|im_end|>
{% endgeneration %}
    {%- else %}
<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
    {%- endif %}
{%- endfor %}
"""
HEADERS = """{{- bos_token }}
{%- if custom_tools is defined %}{%- set tools = custom_tools %}{%- endif %}
{%- if not date_string is defined %}{%- set date_string = "26 Jul 2024" %}{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{{- "Today: " + date_string + "\\n\\n" }}
{%- if tools is defined and tools is not none %}
    {{- "Tools:\\n\\n" }}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- system_message }}<|eot_id|>
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("One tool call at a time!") }}
        {%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '{"name": "' + tool_call.name + '", "parameters": ' }}{{- tool_call.arguments | tojson }}{{- "}<|eot_id|>" }}
    {%- else %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable and message.content is not string %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""
THINK = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}{{- messages[0].content + '\\n\\n' }}{%- endif %}
    {{- "# Tools\\n<tools>" }}
    {%- for tool in tools %}{{- "\\n" }}{{- tool | tojson }}{%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- else %}
    {%- if messages[0].role == 'system' %}{{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}{%- endif %}
{%- endif %}
{%- set ns = namespace(multi=true, last=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi = false %}
        {%- set ns.last = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content = message.content if message.content is string else '' %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning = message.reasoning_content %}
        {%- elif '</think>' in content %}
            {%- set reasoning = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last and (loop.last or reasoning) %}
            {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {%- if message.tool_calls %}
            {%- for tool_call in message.tool_calls %}
                {%- if (loop.first and content) or (not loop.first) %}{{- '\\n' }}{%- endif %}
                {%- if tool_call.function %}{%- set tool_call = tool_call.function %}{%- endif %}
                {{- '<tool_call>\\n{"name": "' }}{{- tool_call.name }}{{- '", "arguments": ' }}
                {%- if tool_call.arguments is string %}{{- tool_call.arguments }}{%- else %}{{- tool_call.arguments | tojson }}{%- endif %}
                {{- '}\\n</tool_call>' }}
            {%- endfor %}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}{{- '<|im_start|>user' }}{%- endif %}
        {{- '\\n<tool_response>\\n' }}{{- content }}{{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}{{- '<|im_end|>\\n' }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}
{%- endif %}
"""
ALTERNATE = """{{ bos_token }}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token}}{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}"""
MACROS = """{%- macro render(content, depth=0) -%}
{%- if content is string -%}{{ content }}{%- elif content is mapping -%}{% for k, v in content.items() %}{{ '  ' * depth }}{{ k }}: {{ render(v, depth + 1) }}
{% endfor %}{%- elif content is iterable -%}{% for item in content %}{{ render(item, depth=depth + 1) }}{{ ", " if not loop.last }}{% endfor %}{%- else -%}{{ content }}{%- endif -%}
{%- endmacro -%}
{% for m in messages if m.role != 'system' %}
{{ loop.index }}/{{ loop.length }} {{ m.role | capitalize }}: {{ render(m.content) }}
{% else %}
nobody
{% endfor %}
"""

USER = {"role": "user", "content": "  Hi \u00e9\U0001f600 <b>&'\"  "}
TOOLS = [{"type": "function", "function": {"name": "get", "description": "a \"b\" <c> \u00e9",
                                           "parameters": {"type": "object", "properties": {"n": {"type": "number", "default": 1.0}}}}}]
CALL = {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {"name": "get", "arguments": {"n": 2.5, "s": None, "t": True}}}]}
CONVERSATIONS = {
    "one": [USER],
    "system": [{"role": "system", "content": "Be brief.\n"}, USER],
    "turns": [USER, {"role": "assistant", "content": "Hello"}, {"role": "user", "content": "And?"},
              {"role": "assistant", "content": "<think>\nhm\n</think>\n\nDone"}],
    "tools": [USER, CALL, {"role": "tool", "content": "3"}, {"role": "tool", "content": "4"}, {"role": "assistant", "content": "7"}],
    "bad order": [{"role": "assistant", "content": "x"}, USER],
    "parts": [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}],
    "none": [],
}

SNIPPETS = """
{{ 1 + 2 * 3 - 4 // 3 % 2 }} {{ 7 / 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 2 ** 10 }} {{ 1.5 * 2 }} {{ 10 / 5 }}
{{ true }} {{ none }} {{ [1, 'a', none, 2.0] }} {{ {'a': [1], "b'c": 'd"e'} }} {{ (1,) }} {{ (1, 2) }} {{ () }}
{{ 1e100 }} {{ 1e16 }} {{ 123456789012345.0 }} {{ 0.0001 }} {{ 0.00001 }} {{ 1.0 }} {{ 0.1 + 0.2 }} {{ -0.0 }}
{{ 'a' ~ 1 ~ none ~ undefined_thing ~ 2.5 }} {{ 'ab' 'cd' }} {{ 'a\\n\\t\\x41\\u00e9\\q' }} {{ "it's" }}
{{ 1 if false }}|{{ 1 if true else 2 }}|{{ 'x' if none else 'y' if true else 'z' }}
{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1.0 == true }} {{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ 'b' in 'abc' }} {{ 1 not in [1] }}
{{ not true or false and none }}|{{ '' or 'x' }}|{{ 'a' and 'b' }}|{{ not not 1 }}
{{ undefined_thing }}|{{ undefined_thing | default('d') }}|{{ '' | default('d') }}|{{ '' | default('d', true) }}|{{ none | d('x') }}
{{ undefined_thing.x }}
{{ undefined_thing + 1 }}
{{ 'a' + 1 }}
{{ none.x is defined }} {{ {}.x is defined }} {{ 'x'.nothing is defined }} {{ {'a': none}.a is none }}
{{ [1, 2, 3][0] }}{{ [1, 2, 3][-1] }}{{ [1][5] is defined }}{{ 'h\u00e9\U0001f600llo'[2] }}{{ 'h\u00e9\U0001f600llo'[::-1] }}{{ 'hello'[1:3] }}{{ [1,2,3,4][1::2] }}{{ 'abc'[-2:] }}{{ 'abc'[5:] }}{{ [1,2,3][::-2] }}{{ 'abc'[:-1] }}
{{ 'h\u00e9\U0001f600'|length }} {{ [1]|length }} {{ {}|count }} {{ undefined_thing|length }}
{{ 5|length }}
{{ '  a b '|trim }}|{{ 'xxaxx'|trim('x') }}|{{ 'aB c'|upper }}|{{ 'aB'|lower }}|{{ 'hELLO wORLD'|capitalize }}|{{ "hello wo-rld it's"|title }}
{{ [3,1,2]|sort }} {{ ['b','A','c']|sort }} {{ ['b','A']|sort(case_sensitive=true) }} {{ [1,2]|sort(reverse=true) }} {{ [{'a':2},{'a':1}]|sort(attribute='a') }}
{{ [1,1,2,'a','A']|unique|list }} {{ [1,2]|reverse|list }} {{ 'abc'|reverse }} {{ [1,2,3]|sum }} {{ [1,5,2]|max }} {{ [4,2]|min }}
{{ [1,2]|join(', ') }} {{ ['a','b']|join }} {{ [{'x':1},{'x':2}]|join('-', attribute='x') }} {{ 'abc'|join('.') }}
{{ [{'a':1},{'a':2},{}]|map(attribute='a')|list }} {{ [{'a':1},{}]|map(attribute='a', default=0)|list }} {{ ['a','b']|map('upper')|list }} {{ [' a ']|map('trim')|join }}
{{ [{'r':'u'},{'r':'s'}]|selectattr('r','equalto','u')|list }} {{ [{'r':'u'},{}]|selectattr('r','defined')|list|length }} {{ [{'r':0},{'r':1}]|rejectattr('r')|list }} {{ [1,2,3]|select('odd')|list }} {{ [1,2,3]|reject('gt', 1)|list }} {{ [0,1]|select|list }}
{{ {'b':1,'a':2}|dictsort }} {{ {'b':1,'a':2}|items|list }} {{ {'b':1,'a':2}|dictsort(by='value') }}
{{ 'a-b-c'.split('-') }} {{ ' a  b '.split() }} {{ 'a-b-c'.split('-', 1) }} {{ 'abc'.split('-') }} {{ ''.split('-') }} {{ 'a-b-c'.rsplit('-', 1) }} {{ 'a\\nb'.splitlines() }}
{{ 'abc'.startswith('a') }} {{ 'abc'.endswith(('x','c')) }} {{ 'aXbX'.replace('X','-') }} {{ 'aXbX'.replace('X','-',1) }} {{ 'aXbX'|replace('X','') }} {{ ' a'.lstrip() }}| {{ 'a\\n'.rstrip('\\n') }}|{{ 'abc'.find('c') }}{{ 'abc'.count('b') }}
{{ 'a,b'.join(['1','2']) }} {{ 'ab c'.title() }} {{ 'x'.upper() }} {{ '12'.isdigit() }} {{ 'abc'.strip('ac') }} {{ 'prefix-x'.removeprefix('prefix-') }}
{{ {'a':1}.get('a') }} {{ {'a':1}.get('b') }} {{ {'a':1}.get('b', 5) }} {{ {'a':1}.items()|list }} {{ {'a':1}.keys()|list }} {{ {'a':1}['a'] }} {{ {'items': 1}['items'] }}
{{ {'a': 1, 'b': [1.5, none, true, '\u00e9<>&\\n"']} | tojson }}
{{ {'b': 1, 'a': {'c': []}} | tojson(indent=2) }}
{{ {'b': 1, 'a': [1,{}]} | tojson(separators=(',', ':'), sort_keys=true) }} {{ '\u00e9\U0001f600'|tojson(ensure_ascii=true) }} {{ 1e22|tojson }} {{ (1,2)|tojson }}
{{ '42'|int + 1 }} {{ 'x'|int }} {{ 'x'|int(7) }} {{ 3.9|int }} {{ '3.5'|float }} {{ 'q'|float }} {{ 2.5|round }} {{ 2.567|round(2) }} {{ -3|abs }} {{ 1|string ~ 'a' }} {{ 2.1|round(method='ceil') }}
{{ 1 is number }} {{ true is number }} {{ 1 is integer }} {{ true is boolean }} {{ 1.0 is float }} {{ 'a' is string }} {{ {} is mapping }} {{ [] is sequence }} {{ 'a' is iterable }} {{ none is none }} {{ 3 is odd }} {{ 4 is divisibleby 2 }} {{ 1 is not none }} {{ true is true }} {{ 1 is true }} {{ 'a' is in 'abc' }} {{ 1 is eq 1 }} {{ none is iterable }} {{ 1 is not string and true }}
{% for i in range(3) %}{{ i }}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }},{% endfor %}
{% for i in range(1, 10, 3) %}{{ loop.cycle('a', 'b') }}{{ i }}{% else %}none{% endfor %} {% for i in [] %}x{% else %}empty{% endfor %} {% for i in range(5, 0, -2) %}{{ i }}{% endfor %}
{% for i in range(10) if i % 2 %}{% if i == 7 %}{% break %}{% endif %}{% if i == 3 %}{% continue %}{% endif %}{{ i }}{{ loop.length }} {% endfor %}
{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}={{ v }};{% endfor %}{% for k in {'a': 1} %}{{ k }}{% endfor %}{% for c in 'h\u00e9\U0001f600' %}[{{ c }}]{% endfor %}{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% set x = 1 %}{% for i in [1] %}{% set x = 2 %}{{ x }}{% endfor %}{{ x }}{% if true %}{% set x = 3 %}{% endif %}{{ x }}{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set t = 1, 2 %}{{ t }}
{% set ns = namespace(a=1, b='x') %}{% for i in range(3) %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}{{ ns.b }}{{ ns.c is defined }}
{% set x %}a{{ 1 }}b{% endset %}[{{ x }}]{% set y | upper %}abc{% endset %}{{ y }}{{ x is string }}
{% macro f(a, b=2, c='z') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ f(1) }} {{ f(1, c=3) }} {{ f() }}| {{ f(1)|length }}
{% macro fact(n) %}{% if n <= 1 %}1{% else %}{{ n * fact(n - 1)|int }}{% endif %}{% endmacro %}{{ fact(10) }}
{% macro loopy(n) %}{{ loopy(n) }}{% endmacro %}{{ loopy(1) }}
{% if false %}a{% elif 0 %}b{% elif 'x' %}c{% else %}d{% endif %}{% if [] %}a{% else %}e{% endif %}
a{# comment #}b{#- x -#} c {#- y #} d
  {% if true %}  ⏎  x⏎  {% endif %}  ⏎⏎{% if true %}⏎⏎y{% endif %}⏎ z
a  {%- if true -%}  b  {%- endif -%}  c {{- 1 -}} d {{ 2 }} e
x⏎   {%+ if true %}y{% endif +%}⏎z
x⏎\\t{# c #}⏎\\t{{ 1 }}⏎{% set a = 1 %} ⏎w
{% raw %}{{ x }} {% y %}{% endraw %} {%- raw -%}  {{ z }}  {%- endraw -%} q
{{ {'a': {'b': {}}} }}{{ '}}' }}{{ '%}' }}
{{ raise_exception('no') }}
{% if undefined_thing is not defined or undefined_thing %}ok{% endif %}
{{ messages[0]['content'] }} {{ messages[0].content[0:3] }} {{ messages | length }} {{ (messages|first).role }} {{ (messages|last)['role'] }} {{ messages[99] is defined }}
{{ messages[0].role in ['user', 'x'] }} {{ 'tool_calls' in messages[0] }} {{ messages[0].get('name', 'nobody') }} {{ messages|map(attribute='role')|join(',') }}
{{ x.append(1) }}
{% set l = [1] %}{{ l.append(2) }}
{{ ''.__class__ }}
{{ 'abc' | nofilter }}
{{ 1 is notest }}
{% unknown %}
{% if %}x{% endif %}
{{ 1 + }}
{{ (1 }}
{% for x in [1] %}
{{ 'open }}
{% endif %}
{{ [1, 2 }}
{{ 1 / 0 }}
{{ 'a' * 3 }}{{ [1] * 2 }}{{ 3 * 'b' }}{{ [1] + [2] }}{{ (1,) + (2,) }}
{{ 5 in 5 }}
{% for x in 5 %}{% endfor %}
{{ range(3) | list }} {{ dict(a=1) }} {{ namespace(a=1).a }}
{% set messages = messages[1:] %}{{ messages|length }}
{{ "a" if messages else "b" }}{{ ("x" ~ "y") * 2 }}{{ -1 | abs }}{{ - 3 + 5 }}{{ 2 - -2 }}
{{ 'a\\nb\\n\\nc' | indent(2) }}|{{ 'a\\nb' | indent(2, true) }}|{{ 'a\\n\\nb' | indent('>', blank=true) }}
{{ bos_token }}{{ eos_token }}{{ add_generation_prompt }}{{ tools is defined and tools is not none }}
{{ [[1, 2], [3]] | tojson }} {{ {'a': undefined_thing is defined} | tojson }} {{ "x" | safe }} {{ 'None' == none|string }}
{{ messages[0] }}
{%- set ns = namespace(found=false) -%}{%- for m in messages -%}{%- if m.role == 'user' and not ns.found -%}{%- set ns.found = true -%}first {% endif -%}{%- endfor -%}{{ ns.found }}
{{ undefined_thing[0] }}
{{ undefined_thing() }}
{{ none() }}
{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %} {% endfor %}
{{ strftime_now('%Y') | length }} {{ strftime_now is defined }}
{{ 1_000 + 0 }} {{ 'a' 'b' ~ 'c' }} {{ [1, 2,] }} {{ {'a': 1,} }} {{ f is callable }}
{{ 'x' is sameas 'x' }} {{ 3 is lt 4 }} {{ 'ABC' is upper }} {{ {'a':1} == {'a':1.0} }} {{ [1] == (1,) }} {{ none == false }} {{ 'a' != 'b' }}
{{ {1: 'a', none: 'b'} }} {{ {'a': 1}.a }} {{ {'a': {'b': 5}}.a.b }} {{ [[5]][0][0] }} {{ [[5]].0.0 }}
"""


def snippets():
    """One for each line; \u23ce is a line break of the template itself."""
    return [line.replace("\u23ce", "\n") for line in SNIPPETS.strip("\n").split("\n")]


def variables():
    for name, messages in CONVERSATIONS.items():
        for extra in ({}, {"add_generation_prompt": True}, {"tools": TOOLS}, {"enable_thinking": False, "add_generation_prompt": True}):
            yield {"messages": messages, "bos_token": "<s>", "eos_token": "</s>", "add_generation_prompt": False} | extra


def case(template, given):
    row = {"template": template, "variables": given}
    given = dict(given)
    messages, tools = given.pop("messages"), given.pop("tools", None)
    spans = "{% generation %}" in template
    try:
        texts, indices = render_jinja_template([messages], tools=tools, chat_template=template,
                                               return_assistant_tokens_mask=spans, **given)
        row["text"] = texts[0]
        if spans:
            row["spans"] = [list(span) for span in indices[0]]
    except Exception as problem:                                  # jinja2's own and Python's, from inside the template
        row["error"] = type(problem).__name__
    row["variables"] = {"tools": None, "documents": None} | row["variables"]     # as transformers passes them
    return row


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dir", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default=OUT)
    args = parser.parse_args()
    plain = next(variables())
    if args.dir:
        cases = [case(path.read_text(), given) for path in sorted(args.dir.glob("*.jinja")) for given in variables()]
    else:
        cases = [case(snippet, plain) for snippet in snippets()]
        cases += [case(template, given) for template in (CHATML, SPANS, HEADERS, THINK, ALTERNATE, MACROS) for given in variables()]
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in cases))
    print(len(cases), "cases,", sum("error" in row for row in cases), "errors")


if __name__ == "__main__":
    main()
