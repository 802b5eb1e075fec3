#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random conversations and random small templates, rendered by jinja2 in the environment of transformers.

python tools/golden/template_campaign.py                                            # the checked-in random.jsonl
python tools/golden/template_campaign.py --random 20000 --seed 2 --out F.jsonl      # a campaign of random templates
python tools/golden/template_campaign.py --dir TEMPLATES --each 100 --out F.jsonl   # random conversations for *.jinja

A campaign's file is compared by: mvn test -Dtest=TemplateGoldenTest -Dstoa.templates=F.jsonl
"""
import argparse
import datetime
import json
import pathlib
import random
import re
import signal

import transformers.utils.chat_template_utils as ct

OUT = pathlib.Path("engine/src/test/resources/golden/template/random.jsonl")
R = random.Random(0)
NOW=datetime.datetime(2026,3,4,15,6,7)
class DT(datetime.datetime):
    @classmethod
    def now(cls,tz=None): return NOW
ct.datetime=DT
words=["hi","hello <b>world</b>","  padded  ","","\n","line1\nline2","日本語","émoji 👩🏽‍🚀","\"quoted\" 'single'","a\\b","</think>","<think>\nhmm\n</think>\n\nanswer","<think>x","<tool_call>","<tool_response>x</tool_response>","{\"a\": 1}","& < > '","\u2028sep","tab\there","null","[INST]","<|im_end|>","{{ x }}","x"*50, "\u0000\u001f","<|channel|>analysis<|message|>t<|end|>","/no_think ok","a\r\nb"]
def w(): return R.choice(words)
def val(d=0):
    k=R.randrange(12 if d<3 else 8)
    return [lambda:w(),lambda:R.randint(-5,10**6),lambda:R.choice([0.5,1e-7,3.0,1e20,-2.5]),lambda:True,lambda:False,lambda:None,lambda:"Paris",lambda:w(),
      lambda:[val(d+1) for _ in range(R.randrange(4))],lambda:{R.choice(["a","b","city","items","x y","keys","ü"]):val(d+1) for _ in range(R.randrange(4))},lambda:[],lambda:{}][k]()
def schema(d=0):
    t=R.choice(["string","integer","number","boolean","array","object",["string","null"],"object","any"])
    s={"type":t}
    if R.random()<.7: s["description"]=w()
    if R.random()<.3: s["enum"]=[val(3) for _ in range(R.randrange(1,4))]
    if R.random()<.2: s["default"]=val(2)
    if R.random()<.1: s["nullable"]=True
    if R.random()<.1: s["format"]="date"
    if t=="array" and R.random()<.9: s["items"]=schema(d+1) if d<3 else {"type":"string"}
    if t=="object" and R.random()<.9:
        s["properties"]={k:(schema(d+1) if d<3 else {"type":"string"}) for k in R.sample(["city","unit","items","list","n","ü","type"],R.randrange(0,4))}
        if R.random()<.6: s["required"]=R.sample(list(s["properties"]),R.randrange(0,len(s["properties"])+1))
        if R.random()<.2: s["additionalProperties"]=R.choice([True,False,{"type":"string"}])
    if R.random()<.08: s={"anyOf":[{"type":"string"},{"type":"null"}]}
    if R.random()<.05: s={"oneOf":[{"type":"string","const":"a"},{"$ref":"#/x"}]}
    if R.random()<.05: s.pop("type",None)
    return s
def tool():
    f={"name":R.choice(["get_weather","f","search-web","Ünï"])}
    if R.random()<.9: f["description"]=w()
    if R.random()<.9:
        f["parameters"]={"type":"object","properties":{k:schema() for k in R.sample(["city","unit","days","opts"],R.randrange(0,4))}}
        if R.random()<.7: f["parameters"]["required"]=R.sample(list(f["parameters"]["properties"]),R.randrange(0,len(f["parameters"]["properties"])+1))
        if R.random()<.2: f["parameters"]["$defs"]={"x":{"type":"string"}}
    if R.random()<.15: f["return"]={"type":"string","description":w()}
    if R.random()<.1: f["strict"]=True
    return {"type":"function","function":f} if R.random()<.92 else f
def content():
    r=R.random()
    if r<.55: return w()
    if r<.65: return None
    if r<.9: return [R.choice([{"type":"text","text":w()},{"type":"text","text":w()},{"type":"image"},{"type":"image_url","image_url":{"url":"http://x"}},{"type":"video"},{"type":"audio"},{"type":"text","content":w()},"plain",{"type":"thinking","thinking":w()}]) for _ in range(R.randrange(0,4))]
    return val()
def call():
    a={R.choice(["city","unit","n","ü","opts"]):val(1) for _ in range(R.randrange(0,4))}
    c={"type":"function","function":{"name":R.choice(["get_weather","f"]),"arguments":a if R.random()<.75 else json.dumps(a)}}
    if R.random()<.6: c["id"]=R.choice(["call_1","abcdefghi","123456789","call_00"])
    if R.random()<.1: c=c["function"]
    return c
def msg(role=None):
    role=role or R.choice(["user","assistant","tool","system","user","assistant","tool","developer","ipython","function"])
    m={"role":role}
    if R.random()<.95: m["content"]=content() if role in("user","assistant","tool") and R.random()<.7 else w()
    if role=="assistant":
        if R.random()<.35: m["tool_calls"]=[call() for _ in range(R.choice([1,1,1,2,3,0]))]
        if R.random()<.3: m[R.choice(["reasoning_content","reasoning","thinking"])]=w() if R.random()<.9 else None
        if R.random()<.05: m["tool_calls"]=None
        if R.random()<.05: m["prefix"]=True
    if role in("tool","ipython","function"):
        if R.random()<.6: m["tool_call_id"]=R.choice(["call_1","abcdefghi","123456789"])
        if R.random()<.5: m["name"]="get_weather"
    return m
def conv():
    r=R.random()
    if r<.5:   # well-formed
        ms=[]
        if R.random()<.5: ms.append(msg(R.choice(["system","system","developer"])))
        for _ in range(R.randrange(1,4)):
            ms.append(msg("user"))
            a=msg("assistant"); 
            if R.random()<.4: a["content"]=w()
            ms.append(a)
            if a.get("tool_calls"):
                for _ in a["tool_calls"]: ms.append(msg("tool"))
                if R.random()<.7: ms.append(msg("assistant"))
        if R.random()<.6: ms.append({"role":"user","content":w()})
        return ms
    if r<.65:
        return [{"role":R.choice(["user","system"]),"content":w()},{"role":"user","content":w()}][R.randrange(2):]
    return [msg() for _ in range(R.randrange(0,6))]
def variables():
    v={"messages":conv(),"add_generation_prompt":R.random()<.6,"bos_token":R.choice(["<s>","<|begin_of_text|>",""]),"eos_token":"</s>"}
    if R.random()<.5: v["tools"]=[tool() for _ in range(R.randrange(0,4))] or None
    elif R.random()<.5: v["tools"]=None
    for k,c in [("enable_thinking",[True,False,None]),("thinking",[True,False]),("preserve_thinking",[True,False]),("reasoning_effort",["low","medium","high","none",None]),("date_string",["26 Jul 2024"]),("tools_in_user_message",[True,False]),("documents",[[{"title":"t","text":w()}],[],None]),("custom_tools",[[tool()]]),("builtin_tools",[["brave_search"],[]]),("model_identity",["You are X"]),("thinking_budget",[0,512,-1]),("controls",[{"length":"long"}]),("keep_past_thinking",[True,False]),("clear_thinking",[True,False]),("add_vision_id",[True,False]),("interleaved",[True]),("unk_token",["<unk>"]),("pad_token",["<pad>"]),("safety_mode",["CONTEXTUAL","NONE"]),("citation_mode",["fast"]),("xml_tools",[[tool()]]),("python_tools",[[tool()]])]:
        if R.random()<.18: v[k]=R.choice(c)
    return v
NAMES=["x","y","s","n","xs","d","m","u","messages","none_","f","b","mk"]
LITS=["1","0","-3","2.5","'a'","'Hello World'","\"it's\"","''","true","false","none","[]","{}","[1,2,3]","['b','a','C']","{'a':1,'b':[2]}","(1,2)","()","(1,)","[[1,'x'],[2,'y']]","10","'<b>'","'x,y,z'","1e3","7","0x1F","1_000","True","None","'  pad '","'a\\nb\\n\\nc'","'%s-%d'","'{} {a}'"]
FILT=["trim","length","count","tojson","string","default('d')","d('q',true)","safe","e","escape","items","upper","lower","capitalize","title","dictsort","join","join(', ')","join('-',attribute='role')","list","map('upper')","map(attribute='a')","map(attribute='role',default='zz')","map('int')","map('string')|list","select","reject","select('string')","select('defined')","selectattr('role')","selectattr('role','equalto','user')","rejectattr('content','none')","selectattr('a','>',1)","first","last","replace('a','b')","replace('l','',1)","int","int(7)","float","abs","round","round(1)","round(1,'floor')","reverse","sort","sort(reverse=true)","sort(attribute='role')","unique","sum","min","max","indent","indent(2,true)","indent('> ')","groupby('role')","batch(2)","batch(2,'-')","slice(2)","center(20)","format(1)","format('x',2)","truncate(5)","truncate(8,true,'..',0)","wordcount","urlencode","striptags","filesizeformat","attr('upper')","tojson(indent=2)","tojson(separators=(',',':'))","tojson(sort_keys=true)","tojson(ensure_ascii=true)","xmlattr","forceescape","reverse|list","unique|list","list|length","nosuch","int(base=16)","float(1.5)","trim('ab')","dictsort(by='value')","dictsort(reverse=true)","sum(attribute='a')","sum(start=5)","first|string","list|tojson","items|list","default","map('nosuch')","select('odd')|list","select('in',[1,2,'a'])|list","random_is_not_here"]
TESTS=["defined","undefined","none","string","mapping","iterable","sequence","number","integer","float","boolean","true","false","callable","odd","even","divisibleby(2)","divisibleby 3","in [1,2,'a']","in('abc')","eq 1","equalto('a')","ne(2)","lt(3)","gt 0","ge(1)","le 5","sameas none","sameas(true)","lower","upper","escaped","filter","test","nosuchtest","not defined","not none","not string"]
METH=[".strip()",".split()",".split(',')",".split('l',1)",".rsplit(' ',1)",".startswith('H')",".endswith(('d','a'))",".upper()",".title()",".replace('l','L')",".items()",".keys()",".values()|list",".get('a')",".get('zz','df')",".find('o')",".count('l')",".join(['p','q'])",".lstrip('H ')",".rstrip()",".splitlines()",".format(1,a=2)",".isdigit()",".isalpha()",".zfill(8)",".center(15,'*')",".partition(' ')",".rpartition('l')",".append(1)",".role",".a",".content","[0]","[-1]","['a']","['role']","[1:]","[::-1]","[:2]","[-2:]","[5]","[0:1]","[1:3]",".0",".index(1)",".index('a')",".capitalize()",".swapcase()",".casefold()",".isupper()",".expandtabs(4)",".removeprefix('He')",".ljust(12,'.')",".copy()",".pop()",".update({})",".__class__","._x",".nosuch",".islower()",".istitle()",".encode()",".rfind('l')",".find('l',3)",".startswith('l',2)",".upper",".rsplit()",".rsplit(none,1)",".split(none,1)"]
OPS=["+","-","*","/","//","%","**","~","==","!=","<","<=",">",">=","in","not in","and","or"]
def expr(d=0):
    r=R.random()
    if d>2 or r<.22: return R.choice(LITS)
    if r<.45: return R.choice(NAMES)
    if r<.6: return f"{expr(d+1)}|{R.choice(FILT)}"
    if r<.7: return f"{atom(d+1)}{R.choice(METH)}"
    if r<.8: return f"{atom(d+1)} {R.choice(OPS)} {atom(d+1)}"
    if r<.86: return f"({expr(d+1)} is {R.choice(TESTS)})"
    if r<.89: return f"({expr(d+1)} if {expr(d+1)} else {expr(d+1)})"
    if r<.9: return f"({expr(d+1)} if {expr(d+1)})"
    if r<.92: return f"not {atom(d+1)}"
    if r<.94: return f"[{expr(d+1)}, {expr(d+1)}]"
    if r<.96: return "{"+f"'a': {expr(d+1)}, 'k': {expr(d+1)}"+"}"
    if r<.97: return f"-{atom(d+1)}"
    if r<.98: return f"range({R.choice(['3','n','1,4','5,0,-2','0'])})"
    if r<.985: return f"{atom(d+1)} < {atom(d+1)} <= {atom(d+1)}"
    return R.choice(["namespace(a=1)","dict(a=1,b='x')","dict([['a',1]])","loop.index","loop.last","loop.previtem","mac(1)","mac('q',b=2)","mac()","joiner('|')()","cycler(1,2).next()","strftime_now('%Y-%m-%d %B %-d %j')","raise_exception('no')","varargs","kwargs","loop.length","loop.cycle('a','b')","loop.changed(x)","loop.revindex0","loop.nextitem|tojson","self","super()","caller()"])
def atom(d):
    e=expr(d)
    return e if e.replace('_','').isalnum() else f"({e})"
def sgn(): return R.choice(["","","","-","-","+"])
def tag(x): 
    a,b=sgn(),sgn()
    return "{%"+a+" "+x+" "+b+"%}"
def ws(): return R.choice(["","","\n"," ","  ","\n  ","text","\n\n","\t","a b\n","\r\n","é"])
def body(d): return "".join(stmt(d+1)+ws() for _ in range(R.randrange(1,4)))
def stmt(d=0):
    r=R.random()
    if d>3 or r<.35:
        a,b=R.choice(["","-","","+"]),R.choice(["","-",""]) 
        return "{{"+a+" "+expr()+" "+b+"}}"
    if r<.4: return R.choice(["{# c #}","{#- c -#}","{#c\n#}\n","{% raw %}{{x}}{% endraw %}","{%- raw -%} q {%- endraw -%}","text { } %} }} "])
    if r<.55:
        s=tag("if "+expr())+ws()+body(d)
        for _ in range(R.choice([0,0,1])): s+=tag("elif "+expr())+ws()+body(d)
        if R.random()<.5: s+=tag("else")+ws()+body(d)
        return s+tag("endif")
    if r<.7:
        t=R.choice(["i","i","i","x","k, v","(k, v)","a, b"])
        it=R.choice(["xs","messages","d.items()","d|items","range(3)","d","s","messages|groupby('role')","xs|batch(2)",expr(),expr()])
        s=tag(f"for {t} in {it}"+(f" if {expr(2)}" if R.random()<.2 else "")+(" recursive" if R.random()<.05 else ""))+ws()+body(d)
        if R.random()<.4: s+="{{ loop.index }}{{ loop.first }}{{ i if i is defined and i is string }}"
        if R.random()<.15: s+=tag("if "+expr(2))+tag(R.choice(["break","continue"]))+tag("endif")
        if R.random()<.2: s+=tag("else")+body(d)
        return s+tag("endfor")
    if r<.82: return tag(f"set {R.choice(['x','y','z','ns.a','x, y'])} = {expr()}")
    if r<.86: return tag("set "+R.choice(["x","y","z|upper","x|trim|length"]))+ws()+body(d)+tag("endset")
    if r<.9:
        return tag("macro mac("+R.choice(["a","a, b=2","","a=x, b=a","a, b, c=1"])+")")+ws()+body(d)+R.choice(["","{{ a }}{{ b }}","{{ varargs }}","{{ kwargs }}","{{ caller() if caller }}"])+tag("endmacro")
    if r<.92: return tag(f"with x={expr(2)}, q=x")+body(d)+"{{ q }}"+tag("endwith")
    if r<.94: return tag("filter "+R.choice(["upper","trim","upper|replace('A','-')","indent(2)","e"]))+body(d)+tag("endfilter")
    if r<.96: return tag(R.choice(["call mac(1)","call(u) mac(2)"]))+body(d)+tag("endcall")
    if r<.965: return tag("generation")+body(d)+tag("endgeneration")
    if r<.975: return tag(f"block b{R.randrange(99)}")+body(d)+tag("endblock")
    if r<.98: return tag("set ns = namespace(a=0)")
    if r<.985: return tag(R.choice(["include 'x'","extends 'y'","import 'a' as b","do x","unknown","endif","else"]))
    return tag("print "+expr()+", "+expr())
def template():
    return R.choice(["","{%- set ns = namespace(a=1) -%}\n","{% macro mac(a, b=3) %}<{{ a }}/{{ b }}>{% endmacro %}"])+"".join(stmt()+ws() for _ in range(R.randrange(1,5)))
def vars_():
    v={"x":val(),"y":val(),"s":R.choice(["Hello World","","a,b,c"," pad ","héllo ß ǆ ÅNGSTRÖM","12","0x1f","-4.5","a\tb\x0bc\u2028d\x1ce","<i>&amp;</i> <!-- c -->t"]),"n":R.choice([0,1,3,-2,2.5,10**18,10**20,True]),
       "xs":R.choice([[1,2,3],[],["b","A","c","a"],[3,1,2,1],["x",1,None],[[1,2],[3,4]],[{"a":1,"role":"r"},{"a":2},{"role":"Q"}],[1.5,2]]),"d":R.choice([{"a":1,"b":[2]},{},{"role":"x","Z":1,"a":2},{"items":[1],"keys":2,"a":{"b":1}},{"b":"B","a":"a"}]),
       "m":{"role":"user","content":"c","a":5},"none_":None,"b":R.random()<.5,
       "messages":[{"role":R.choice(["user","assistant","User"]),"content":R.choice(["c",None,"<x>"]),"a":R.randrange(3)} for _ in range(R.randrange(4))]}
    return v

ADDRESS = re.compile(r" at 0x[0-9a-f]{6}|built-in method|<function|<class|<coroutine|<bound|TemplateReference|jinja2\\.")


def answered(template, values):
    row = {"template": template, "variables": values, "now": NOW.isoformat()}
    signal.alarm(5)
    try:
        row["text"] = ct._compile_jinja_template(template).render(**values)
        row["text"].encode()
    except Exception as problem:
        row.pop("text", None)
        row["error"] = f"{type(problem).__name__}: {problem}"[:100]
    signal.alarm(0)
    return None if ADDRESS.search(row.get("text", "")) or len(row.get("text", "")) > 200_000 else row


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--random", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--dir", type=pathlib.Path)
    parser.add_argument("--each", type=int, default=100)
    parser.add_argument("--out", type=pathlib.Path)
    args = parser.parse_args()
    R.seed(args.seed)
    rows = []
    if args.dir:
        for file in sorted(args.dir.glob("*.jinja")):
            rows += [answered(file.read_text(), json.loads(json.dumps(variables()))) for _ in range(args.each)]
    else:
        rows = [answered(template(), json.loads(json.dumps(vars_()))) for _ in range(args.random)]
    rows = [row for row in rows if row]
    if not args.out:        # a small sample: short ones, mostly those that render
        rows = [row for row in rows if len(json.dumps(row)) < 900]
        good = [row for row in rows if "text" in row and "[0:" not in row["template"]]
        rows = good[:200] + [row for row in rows if "error" in row][:40]
    (args.out or OUT).write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    print(len(rows), "cases,", sum("error" in row for row in rows), "refused")


if __name__ == "__main__":
    main()
