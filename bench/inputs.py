# SPDX-License-Identifier: MIT
"""What the whole programs work on: written anew for each run of the benchmarks, the same each time."""

import os

SQL = """
create table item (id integer primary key, name text, price real, kind integer);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 60000)
insert into item select i, printf('item number %d of the list', i), (i * 7919) % 1000 / 10.0, i % 97 from n;
create table sale (id integer primary key, item integer, day text, amount integer);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120000)
insert into sale select i, (i * 104729) % 60000 + 1, printf('2024-%02d-%02d', i % 12 + 1, i % 28 + 1), i % 13 from n;
create index sale_item on sale (item);
create index item_name on item (name);
select count(*), sum(price * amount) from item join sale on sale.item = item.id;
select kind, group_concat(substr(name, 6, 10)) from item where id % 7 = 0 group by kind limit 1;
update item set name = name || ' (old)', price = price + 1 where kind < 30;
select day, count(distinct item) from sale group by day order by 2 desc limit 3;
delete from sale where amount > 6;
select length(group_concat(name, ',')) from (select name from item order by price, name desc);
"""

PYTHON = '''
import json, random

random.seed(1)
words = ["".join(random.choice("abcdefghij") for _ in range(random.randrange(3, 12))) for _ in range(20000)]
for turn in range(4):
    counts = {}
    for i in range(120000):
        word = words[(i * 7919) % len(words)] + str(i % 10)
        counts[word] = counts.get(word, 0) + 1
    pairs = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    text = json.dumps([{"word": word, "count": count, "letters": list(word)} for word, count in pairs[:8000]])
    back = json.loads(text)
    tree = None
    for entry in back:
        tree = (tree, entry["word"], [entry["count"]] * 3)
    assert len(back) == 8000 and len(" ".join(entry["word"] for entry in back).split()) == 8000
'''

SMT2_HEAD = "(set-option :smt.random_seed 1)\n(set-option :sat.random_seed 1)\n"

CC = """
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

template <int n> struct chain {
	std::map<std::string, std::vector<chain<n - 1>>> next;
	std::variant<int, std::string, std::vector<double>> value;
	std::function<int(int)> function = [](int x) { return x + n; };
	int sum() const
	{
		int total = function(n);
		for (const auto &[name, list] : next)
			for (const auto &link : list)
				total += link.sum() + static_cast<int>(name.size());
		return total;
	}
};
template <> struct chain<0> {
	int sum() const { return 0; }
};

int work(const std::vector<std::string> &lines)
{
	std::unordered_map<std::string, std::shared_ptr<chain<12>>> chains;
	std::regex pattern("([a-z]+)=([0-9]+)");
	std::smatch match;
	int total = 0;

	for (const auto &line : lines)
		if (std::regex_search(line, match, pattern))
			chains[match[1]] = std::make_shared<chain<12>>();
	for (const auto &[name, first] : chains)
		total += first->sum();
	return total;
}
"""

JAVA = """
import java.util.*;
import java.util.stream.*;
import java.util.zip.*;

public class Work {
	public static void main(String[] arguments) throws Exception {
		Map<String, Integer> counts = new TreeMap<>();
		for (int i = 0; i < 400000; i++)
			counts.merge("word" + (i * 7919L) % 5000, 1, Integer::sum);
		String text = counts.entrySet().stream().map(Object::toString).collect(Collectors.joining(","));
		byte[] bytes = text.getBytes("UTF-8"), packed = new byte[bytes.length];
		int total = 0;
		for (int i = 0; i < 200; i++) {
			Deflater deflater = new Deflater();
			deflater.setInput(bytes);
			deflater.finish();
			total += deflater.deflate(packed);
			deflater.end();
		}
		System.out.println(counts.size() + " " + total);
	}
}
"""


def postscript():
    """Pages with text in several fonts and sizes, curves, and arrays and dictionaries that are made for it."""
    lines = ["%!PS"]
    for page in range(12):
        lines.append(f"{page} srand")
        for i in range(300):
            font = ("Helvetica", "Times-Roman", "Courier")[i % 3]
            lines.append(f"/{font} findfont {6 + i % 17} scalefont setfont {i * 37 % 500 + 20} {i * 53 % 700 + 30} moveto")
            lines.append(f"(line {i} of page {page}) show")
            lines.append(f"newpath {i * 31 % 600} {i * 17 % 800} moveto {i * 7 % 600} {i * 11 % 800} {i * 13 % 600} "
                         f"{i * 19 % 800} {i * 23 % 600} {i * 29 % 800} curveto stroke")
        lines.append("500 { 20 dict begin /list [ 50 { rand } repeat ] def /text 100 string def end } repeat")
        lines.append("showpage")
    return "\n".join(lines) + "\n"


def smt2(pigeons=8, bits=12):
    """More pigeons than holes, and a product of two numbers that is prime."""
    lines = [SMT2_HEAD]
    for p in range(pigeons):
        lines.append(f"(declare-const p{p} Int)\n(assert (and (>= p{p} 1) (<= p{p} {pigeons - 1})))")
    lines.append("(push)\n(assert (distinct " + " ".join(f"p{p}" for p in range(pigeons)) + "))\n(check-sat)\n(pop)")
    lines.append(f"(declare-const a (_ BitVec {2 * bits}))\n(declare-const b (_ BitVec {2 * bits}))")
    lines.append(f"(assert (= (bvmul a b) (_ bv4194301 {2 * bits})))")
    lines.append(f"(assert (and (bvugt a (_ bv1 {2 * bits})) (bvugt b (_ bv1 {2 * bits}))"
                 f" (bvult a (_ bv{2 ** (bits - 1)} {2 * bits})) (bvult b (_ bv{2 ** (bits - 1)} {2 * bits}))))")
    lines.append("(check-sat)")
    return "\n".join(lines) + "\n"


def write_inputs(directory):
    """Writes all inputs that are not there yet; paths by kind."""
    names = {"sql": ("work.sql", lambda: SQL), "py": ("work.py", lambda: PYTHON), "cc": ("work.cc", lambda: CC),
             "java": ("Work.java", lambda: JAVA), "ps": ("work.ps", postscript), "smt2": ("work.smt2", smt2)}
    paths = {}
    for kind, (name, make) in names.items():
        paths[kind] = os.path.join(directory, name)
        if not os.path.exists(paths[kind]):
            with open(paths[kind], "w", encoding="utf-8") as file:
                file.write(make())
    return paths
