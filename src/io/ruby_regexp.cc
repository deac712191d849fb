#include "io/ruby_regexp.h"

#include <mruby/array.h>
#include <mruby/class.h>
#include <mruby/data.h>
#include <mruby/error.h>
#include <mruby/string.h>
#include <mruby/variable.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "table/ip.h"
#include "table/ruby_pattern.h"

namespace hikyaku::io {
namespace {

using table::RubyPattern;

void free_pattern(mrb_state*, void* pattern) { delete static_cast<RubyPattern*>(pattern); }
const mrb_data_type kPatternType = {"Hikyaku::Pattern", free_pattern};

std::string_view view(mrb_value string) {
  return {RSTRING_PTR(string), static_cast<std::size_t>(RSTRING_LEN(string))};
}

/// Raises after all C++ values of the caller are gone, since Ruby leaves by longjmp.
[[noreturn]] void raise(mrb_state* ruby, const char* name, mrb_value message) {
  mrb_exc_raise(ruby, mrb_exc_new_str(ruby, mrb_class_get(ruby, name), message));
  std::abort();  // not reached, which mruby does not tell compilers of C++
}

mrb_value regexp(mrb_state* ruby, mrb_value) {
  mrb_value source;
  mrb_int options = 0;
  mrb_get_args(ruby, "Si", &source, &options);
  mrb_value why = mrb_nil_value();
  RubyPattern* pattern = nullptr;
  {
    auto compiled = RubyPattern::compile(view(source), {.ignore_case = (options & 1) != 0,
                                                        .dot_newline = (options & 4) != 0,
                                                        .extended = (options & 2) != 0});
    if (compiled)
      pattern = new RubyPattern(std::move(*compiled));
    else
      why = mrb_str_new(ruby, compiled.error().text.data(), compiled.error().text.size());
  }
  if (pattern == nullptr) raise(ruby, "RegexpError", why);
  return mrb_obj_value(mrb_data_object_alloc(ruby, ruby->object_class, pattern, &kPatternType));
}

mrb_value match(mrb_state* ruby, mrb_value) {
  mrb_value object, subject;
  mrb_int offset = 0;
  mrb_get_args(ruby, "oSi", &object, &subject, &offset);
  const auto* pattern = static_cast<const RubyPattern*>(mrb_data_get_ptr(ruby, object, &kPatternType));
  if (offset < 0) return mrb_nil_value();
  mrb_value why = mrb_nil_value(), places = mrb_nil_value();
  {
    const auto groups = pattern->match(view(subject), static_cast<std::size_t>(offset));
    if (!groups) {
      why = mrb_str_new(ruby, groups.error().text.data(), groups.error().text.size());
    } else if (*groups) {
      places = mrb_ary_new(ruby);
      for (const auto& group : **groups) {
        mrb_ary_push(ruby, places, mrb_int_value(ruby, group ? static_cast<mrb_int>(group->first) : -1));
        mrb_ary_push(ruby, places, mrb_int_value(ruby, group ? static_cast<mrb_int>(group->second) : -1));
      }
    }
  }
  if (!mrb_nil_p(why)) raise(ruby, "RegexpError", why);
  return places;
}

mrb_value names(mrb_state* ruby, mrb_value) {
  mrb_value object;
  mrb_get_args(ruby, "o", &object);
  const auto* pattern = static_cast<const RubyPattern*>(mrb_data_get_ptr(ruby, object, &kPatternType));
  const mrb_value all = mrb_ary_new(ruby);
  for (const auto& [name, number] : pattern->names()) {
    mrb_ary_push(ruby, all, mrb_str_new(ruby, name.data(), name.size()));
    mrb_ary_push(ruby, all, mrb_int_value(ruby, number));
  }
  return all;
}

// $~, $&, $`, $', then $1 to $9.
mrb_value last(mrb_state* ruby, mrb_value) {
  static constexpr const char* kNames[] = {"$~", "$&", "$`", "$'", "$1", "$2", "$3",
                                           "$4", "$5", "$6", "$7", "$8", "$9"};
  mrb_value values;
  mrb_get_args(ruby, "A", &values);
  mrb_int place = 0;
  for (const auto* name : kNames)
    mrb_gv_set(ruby, mrb_intern_cstr(ruby, name), mrb_ary_entry(values, place++));
  return mrb_nil_value();
}

mrb_value ip(mrb_state* ruby, mrb_value) {
  mrb_value text;
  mrb_get_args(ruby, "S", &text);
  const auto address = table::Ip::parse(view(text));
  if (!address) return mrb_nil_value();
  return mrb_str_new(ruby, reinterpret_cast<const char*>(address->octets().data()), address->bits() / 8);
}

}  // namespace

void define_regexp(mrb_state* ruby, RClass* module) {
  mrb_define_module_function(ruby, module, "regexp", regexp, MRB_ARGS_REQ(2));
  mrb_define_module_function(ruby, module, "match", match, MRB_ARGS_REQ(3));
  mrb_define_module_function(ruby, module, "names", names, MRB_ARGS_REQ(1));
  mrb_define_module_function(ruby, module, "last", last, MRB_ARGS_REQ(1));
  mrb_define_module_function(ruby, module, "ip", ip, MRB_ARGS_REQ(1));
}

}  // namespace hikyaku::io
