#include "io/ruby_values.h"

#include <mruby/array.h>
#include <mruby/hash.h>
#include <mruby/string.h>

#include <string_view>

namespace hikyaku::io {

// Ruby's exceptions leave these functions by longjmp: what they build belongs to the caller.

void to_plain(mrb_state* ruby, mrb_value value, PlainValue& out, unsigned depth) {
  const auto text = [&](mrb_value string) {
    out = std::string_view(RSTRING_PTR(string), static_cast<std::size_t>(RSTRING_LEN(string)));
  };
  if (mrb_nil_p(value) || depth > PlainValue::kDepth) {
    out = PlainValue();
    return;
  }
  switch (mrb_type(value)) {
    case MRB_TT_FALSE:
      out = false;
      return;
    case MRB_TT_TRUE:
      out = true;
      return;
    case MRB_TT_INTEGER:
      out = std::int64_t{mrb_integer(value)};
      return;
    case MRB_TT_FLOAT:
      out = double{mrb_float(value)};
      return;
    case MRB_TT_STRING:
      text(value);
      return;
    case MRB_TT_ARRAY: {
      out = PlainValue::List();
      auto& items = *const_cast<PlainValue::List*>(out.list());
      for (mrb_int item = 0; item < RARRAY_LEN(value); ++item)
        to_plain(ruby, mrb_ary_entry(value, item), items.emplace_back(), depth + 1);
      return;
    }
    case MRB_TT_HASH: {
      out = PlainValue::Map();
      auto& items = const_cast<PlainValue::Map*>(out.map())->items;
      const mrb_value keys = mrb_hash_keys(ruby, value);
      for (mrb_int key = 0; key < RARRAY_LEN(keys); ++key) {
        const mrb_value name = mrb_ary_entry(keys, key);
        to_plain(ruby, name, items.emplace_back(), depth + 1);
        to_plain(ruby, mrb_hash_get(ruby, value, name), items.emplace_back(), depth + 1);
      }
      return;
    }
    default:
      text(mrb_obj_as_string(ruby, value));
  }
}

mrb_value to_ruby(mrb_state* ruby, const PlainValue& value) {
  if (value.nothing()) return mrb_nil_value();
  if (const auto* truth = value.truth()) return mrb_bool_value(*truth);
  if (const auto* integer = value.integer()) return mrb_int_value(ruby, *integer);
  if (const auto* real = value.real()) return mrb_float_value(ruby, *real);
  if (const auto* text = value.text()) return mrb_str_new(ruby, text->data(), text->size());
  if (const auto* list = value.list()) {
    const mrb_value array = mrb_ary_new(ruby);
    const int arena = mrb_gc_arena_save(ruby);
    for (const auto& item : *list) {
      mrb_ary_push(ruby, array, to_ruby(ruby, item));
      mrb_gc_arena_restore(ruby, arena);
    }
    return array;
  }
  const mrb_value hash = mrb_hash_new(ruby);
  const int arena = mrb_gc_arena_save(ruby);
  const auto& items = value.map()->items;
  for (std::size_t item = 0; item + 1 < items.size(); item += 2) {
    const mrb_value key = to_ruby(ruby, items[item]);
    mrb_hash_set(ruby, hash, key, to_ruby(ruby, items[item + 1]));
    mrb_gc_arena_restore(ruby, arena);
  }
  return hash;
}

}  // namespace hikyaku::io
