#include "io/ruby_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "io/children_for_tests.h"

namespace hikyaku::io {
namespace {

using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;

/// An interpreter with a method that evaluates a text as the file "test.rb", and a host that keeps what was
/// asked.
class Ruby {
 public:
  explicit Ruby(std::size_t memory = std::size_t{16} << 20) {
    auto started = RubyProcess::start({.memory = memory});
    if (!started) {
      ADD_FAILURE() << started.error().text;
      return;
    }
    process = std::move(*started);
    const auto defined = process->define(R"(
      module Hikyaku
        def self.evaluate(text)
          Object.new.instance_eval(text, "test.rb", 1)
        end
      end)",
                                         "(hikyaku) test", host());
    if (!defined) ADD_FAILURE() << defined.error().text;
  }
  Result<PlainValue> evaluate(std::string_view program, milliseconds time = milliseconds(1000)) {
    return process->call("evaluate", {program}, time, host());
  }
  std::string failure(std::string_view program, milliseconds time = milliseconds(1000)) {
    const auto value = evaluate(program, time);
    return value ? "no failure, but " + text(*value) : value.error().text;
  }
  RubyProcess::Host host() {
    return [this](std::string_view what, const PlainValue::List& arguments) -> Result<PlainValue> {
      asked.push_back(std::string(what) + " " + text(PlainValue(arguments)));
      if (what == "refuse") return fail(Fault::permanent, "not that");
      if (what == "folder") return PlainValue("/etc/milter-manager");
      return arguments.empty() ? PlainValue() : arguments.front();
    };
  }
  std::unique_ptr<RubyProcess> process;
  std::vector<std::string> asked;
};

struct RubyCase {
  const char* name;
  const char* program;
  const char* value;
};
class RubyEvaluates : public testing::TestWithParam<RubyCase> {
 protected:
  static void SetUpTestSuite() { ruby_ = std::make_unique<Ruby>(); }
  static void TearDownTestSuite() { ruby_.reset(); }
  static inline std::unique_ptr<Ruby> ruby_;
};

TEST_P(RubyEvaluates, ToTheValue) {
  const auto value = ruby_->evaluate(GetParam().program);
  ASSERT_TRUE(value) << value.error().text;
  EXPECT_EQ(text(*value), GetParam().value);
}

INSTANTIATE_TEST_SUITE_P(
    , RubyEvaluates,
    testing::Values(
        RubyCase{"numbers_and_lists", "[1, -2.5, nil, true, :name, {\"a\" => [1]}]",
                 "[1, -2.500000, nil, true, \"name\", {\"a\" => [1]}]"},
        RubyCase{"match_operator", "[\"joe@example.org\" =~ /@/, $~[0], $`, $']",
                 "[3, \"@\", \"joe\", \"example.org\"]"},
        RubyCase{"numbered_groups", "/\\A<(.+?)@(.+?)>\\z/ =~ \"<joe@example.org>\"; [$1, $2, $3]",
                 "[\"joe\", \"example.org\", nil]"},
        RubyCase{"groups_are_gone_without_a_match", "/(a)/ =~ \"a\"; /(b)/ =~ \"a\"; [$1, $~]", "[nil, nil]"},
        RubyCase{
            "case_with_patterns",
            "case \"dhcp-12.example.org\"\nwhen \"unknown\", /\\A(?:dhcp|ppp)[^.]*\\d/i then 1\nelse 2\nend",
            "1"},
        RubyCase{"interpolated_patterns",
                 "x = \"a.c\"; [/\\A#{Regexp.escape(x)}\\z/ === \"abc\", /#{/B/i}/ =~ \"ab\"]", "[false, 1]"},
        RubyCase{"named_groups", "/(?<user>.+)@/.match(\"joe@x\")[:user]", "\"joe\""},
        RubyCase{"named_captures", "\"k=v\".match(/(?<a>.)=(?<b>.)/).named_captures",
                 "{\"a\" => \"k\", \"b\" => \"v\"}"},
        RubyCase{"split_at_a_pattern", "\"a , b,c\".split(/\\s*,\\s*/)", "[\"a\", \"b\", \"c\"]"},
        RubyCase{"split_with_a_limit", "\"a = b = c\".split(/\\s*=\\s*/, 2)", "[\"a\", \"b = c\"]"},
        RubyCase{"split_as_before", "[\"a b\".split, \"a,b\".split(\",\"), \"a,b,c\".split(\",\", 2)]",
                 "[[\"a\", \"b\"], [\"a\", \"b\"], [\"a\", \"b,c\"]]"},
        RubyCase{"scan", "[\"a1b22\".scan(/\\d+/), \"a1b2\".scan(/([a-z])(\\d)/)]",
                 "[[\"1\", \"22\"], [[\"a\", \"1\"], [\"b\", \"2\"]]]"},
        RubyCase{"sub_and_gsub",
                 "[\"aXbX\".sub(/x/i, \"-\"), \"a1b2\".gsub(/\\d/) { |d| (d.to_i + 1).to_s }]",
                 "[\"a-bX\", \"a2b3\"]"},
        RubyCase{"gsub_puts_groups_in", "\"joe@x\".gsub(/(\\w+)@(\\w+)/, '\\2 at \\1')", "\"x at joe\""},
        RubyCase{"gsub_of_empty_matches", "\"ab\".gsub(/x*/, \"-\")", "\"-a-b-\""},
        RubyCase{"gsub_with_strings_as_before", "\"a.b.c\".gsub(\".\", \"-\")", "\"a-b-c\""},
        RubyCase{"element_by_pattern",
                 "[\"key: v\"[/\\A(\\w+):/, 1], \"abc\"[/z/], \"abc\"[1], \"abc\"[0, 2]]",
                 "[\"key\", nil, \"b\", \"ab\"]"},
        RubyCase{"union", "Regexp.union(\"a.b\", /c/i).source", "\"a\\x5c.b|(?i-mx:c)\""},
        RubyCase{"grep_and_any", "[%w(ab b c).grep(/b/), [/x/, /y/].any? { |r| r === \"y\" }]",
                 "[[\"ab\", \"b\"], true]"},
        RubyCase{"networks",
                 "n = IPAddr.new(\"192.0.2.0/24\"); [n.include?(\"192.0.2.9\"), n.include?(\"192.0.3.9\"), "
                 "IPAddr.new(\"2001:db8::/32\").include?(\"2001:db8::1\"), n.ipv4?]",
                 "[true, false, true, true]"},
        RubyCase{"names_of_files",
                 "[File.join(\"a/\", \"/b\"), File.basename(\"/x/y.conf\", \".conf\"), "
                 "File.dirname(\"/x/y\"), File.extname(\"a.rb\"), File.expand_path(\"../x\")]",
                 "[\"a/b\", \"y\", \"/x\", \".rb\", \"/etc/x\"]"},
        RubyCase{"whole_paths",
                 "[File.expand_path(\"../x\", \"/a/b\"), File.expand_path(\"y\", \"sub\"), "
                 "File.expand_path(\"/z/./y\")]",
                 "[\"/a/x\", \"/etc/milter-manager/sub/y\", \"/z/y\"]"},
        RubyCase{"sets",
                 "require \"set\"; s = Set.new([1, 2]); s << 2 << 3; "
                 "[s.size, s.include?(3), (s & [1, 9]).to_a, (s | [4]).size, [2].to_set.subset?(s), s == "
                 "Set[3, 2, 1]]",
                 "[3, true, [1], 4, true, true]"},
        RubyCase{"constants_and_methods", "LIMIT = 3\ndef twice(n) n * 2 end\ntwice(LIMIT)", "6"},
        RubyCase{"odd_and_even_and_sum",
                 "[3.odd?, 3.even?, [1, 2].sum, [1, 2].sum { |x| x * 2 }, (1..3).sum]",
                 "[true, false, 3, 6, 6]"},
        RubyCase{"times_as_text", "Time.utc(2026, 3, 7, 8, 9, 10).strftime(\"%F %T %a %b %j %%\")",
                 "\"2026-03-07 08:09:10 Sat Mar 066 %\""},
        RubyCase{"rescue", "begin; Integer(\"x\"); rescue ArgumentError => e; e.class.to_s; end",
                 "\"ArgumentError\""}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(RubyProcess, TellsWhereAnExceptionWasRaised) {
  Ruby ruby;
  EXPECT_EQ(ruby.failure("\n\nnil.foo\n"), "test.rb:3: undefined method 'foo' (NoMethodError)");
  EXPECT_THAT(ruby.failure("/a(/ =~ \"x\""), AllOf(HasSubstr("test.rb:1: "), HasSubstr("can't be read")));
  EXPECT_THAT(ruby.failure("x = = 1"), HasSubstr("syntax error"));
  EXPECT_THAT(ruby.failure("raise \"two\\nlines\""), HasSubstr("two\\x0alines"));
  EXPECT_EQ(text(*ruby.evaluate("1 + 1")), "2") << "it goes on after them";
}

TEST(RubyProcess, AsksItsHost) {
  Ruby ruby;
  EXPECT_EQ(text(*ruby.evaluate("Hikyaku.ask(\"echo\", [1, \"x\"], 2)")), "[1, \"x\"]");
  EXPECT_EQ(ruby.failure("\nHikyaku.ask(\"refuse\")"), "test.rb:2: not that (RuntimeError)");
  EXPECT_EQ(text(*ruby.evaluate("puts \"a\", \"b\"; [ENV[\"HOME\"], File.exist?(\"/x\")]")),
            "[\"HOME\", \"exist\"]");
  EXPECT_THAT(ruby.asked, testing::Contains("log [\"info\", \"b\"]"));
}

struct HostileCase {
  const char* name;
  const char* program;
  const char* failure;
  milliseconds time{10'000};  ///< enough for memory to run out first
};
class HostileRuby : public testing::TestWithParam<HostileCase> {};

TEST_P(HostileRuby, EndsWithAnError) {
  Ruby ruby;
  EXPECT_THAT(ruby.failure(GetParam().program, GetParam().time), HasSubstr(GetParam().failure));
}

INSTANTIATE_TEST_SUITE_P(
    , HostileRuby,
    testing::Values(
        HostileCase{"endless_loop", "x = 1\nwhile true\nend", "it took more than 300 ms", milliseconds(300)},
        HostileCase{"endless_loop_says_where", "def spin\n  loop { [1].each { |x| x } }\nend\nspin",
                    "test.rb:", milliseconds(300)},
        HostileCase{"loop_within_the_library", "(1..10**18).inject { |a, b| b }", "it took more than 300 ms",
                    milliseconds(300)},
        HostileCase{"loop_that_rescues_everything", "loop do\nbegin\nraise \"x\"\nrescue Exception\nend\nend",
                    "it took more than 300 ms", milliseconds(300)},
        HostileCase{"huge_string", "\"a\" * (1 << 40)", "NoMemoryError"},
        HostileCase{"growing_string", "s = \"a\"\nloop { s << s }", "NoMemoryError"},
        HostileCase{"growing_list", "a = []\nloop { a << [1] * 1000 }", "NoMemoryError"},
        HostileCase{"deep_recursion", "def f(n) f(n + 1) end\nf(0)", "SystemStackError"},
        HostileCase{"recursive_inspect", "a = []\n20000.times { a = [a] }\na.inspect", "SystemStackError"},
        HostileCase{"backtracking", "/\\A(a+)+b\\z/ =~ \"a\" * 60 + \"cb\"", "given up"},
        HostileCase{"huge_answer", "\"a\" * (9 << 20)", "the answer is larger"},
        HostileCase{"files", "File.open(\"/etc/passwd\", \"w\")", "SecurityError"},
        HostileCase{"commands", "`id`", "SecurityError"},
        HostileCase{"system", "system(\"id\")", "SecurityError"},
        HostileCase{"sockets", "TCPSocket.new(\"127.0.0.1\", 25)", "uninitialized constant"},
        HostileCase{"io", "IO.popen(\"id\")", "uninitialized constant"},
        HostileCase{"libraries", "require \"fiddle\"", "LoadError"},
        HostileCase{"homes", "File.expand_path(\"~/x\")", "there are no home folders"},
        HostileCase{"exit", "exit!", "exit!"}),
    [](const auto& row) { return std::string(row.param.name); });

// Whichever ends first: memory or time.
TEST(RubyProcess, SymbolsWithoutEndEnd) {
  Ruby ruby;
  EXPECT_THAT(ruby.failure("i = 0\nloop { \"name_#{\"x\" * 1000}_#{i += 1}\".to_sym }", milliseconds(300)),
              testing::AnyOf(HasSubstr("NoMemoryError"), HasSubstr("it took more than 300 ms")));
}

TEST(RubyProcess, IsDeadAfterItsTimeIsUpAndSaysSo) {
  Ruby ruby;
  EXPECT_THAT(ruby.failure("loop {}", milliseconds(50)), HasSubstr("it took more than 50 ms"));
  EXPECT_FALSE(ruby.process->alive());
  EXPECT_THAT(ruby.failure("1"), HasSubstr("has ended before"));
}

// What is interrupted may hold a lock of the allocator.
TEST(RubyProcess, SaysWhereItsTimeWentInTheMidstOfAllocations) {
  for (int round = 0; round < 20; ++round) {
    Ruby ruby;
    ASSERT_THAT(ruby.failure("loop { \"a\" * 3000 }", milliseconds(20)),
                testing::StartsWith("test.rb:1: it took more than 20 ms"));
  }
}

TEST(RubyProcess, SaysHowItEndedWhenNotByUs) {
  const auto before = children();
  Ruby ruby;
  std::vector<pid_t> its;
  std::ranges::set_difference(children(), before, std::back_inserter(its));
  ASSERT_THAT(its, testing::SizeIs(1));
  ASSERT_EQ(::kill(its.front(), SIGTERM), 0);
  EXPECT_THAT(ruby.failure("loop {}"), HasSubstr("was ended by signal 15"));
  EXPECT_FALSE(ruby.process->alive());
}

TEST(RubyProcess, TimeOfTheHostDoesNotCount) {
  Ruby ruby;
  EXPECT_TRUE(ruby.evaluate("200.times { |n| Hikyaku.ask(\"echo\", n) }; 1", milliseconds(1000)));
  EXPECT_TRUE(ruby.process->alive());
}

}  // namespace
}  // namespace hikyaku::io
