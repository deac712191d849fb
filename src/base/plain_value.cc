#include "base/plain_value.h"

#include <bit>
#include <cstddef>
#include <optional>

#include "base/escape.h"

namespace hikyaku {
namespace {

// One octet for the kind, then eight for a number or a size, the lowest first.
enum class Tag : char {
  nothing = '0',
  no = 'f',
  yes = 't',
  integer = 'i',
  real = 'r',
  text = 's',
  list = 'l',
  map = 'm',
};

void put_number(std::string& out, std::uint64_t number) {
  for (unsigned shift = 0; shift < 64; shift += 8) out += static_cast<char>((number >> shift) & 0xFF);
}

void put(std::string& out, const PlainValue& value, unsigned depth) {
  const auto tag = [&](Tag which) { out += static_cast<char>(which); };
  if (depth > PlainValue::kDepth || value.nothing()) return tag(Tag::nothing);
  if (const auto* truth = value.truth()) return tag(*truth ? Tag::yes : Tag::no);
  if (const auto* integer = value.integer())
    return tag(Tag::integer), put_number(out, static_cast<std::uint64_t>(*integer));
  if (const auto* real = value.real())
    return tag(Tag::real), put_number(out, std::bit_cast<std::uint64_t>(*real));
  if (const auto* text = value.text()) {
    tag(Tag::text);
    put_number(out, text->size());
    out += *text;
    return;
  }
  const auto& items = value.list() != nullptr ? *value.list() : value.map()->items;
  tag(value.list() != nullptr ? Tag::list : Tag::map);
  put_number(out, items.size());
  for (const auto& item : items) put(out, item, depth + 1);
}

class Reader {
 public:
  explicit Reader(std::string_view octets) : octets_(octets) {}

  Result<PlainValue> all() {
    auto value = one(0);
    if (!value) return value;
    if (at_ != octets_.size()) return broken("octets are left");
    return value;
  }

 private:
  Result<PlainValue> one(unsigned depth) {
    if (depth > PlainValue::kDepth) return broken("nested too deep");
    if (at_ == octets_.size()) return broken("it ends too early");
    switch (static_cast<Tag>(octets_[at_++])) {
      case Tag::nothing:
        return PlainValue();
      case Tag::no:
        return PlainValue(false);
      case Tag::yes:
        return PlainValue(true);
      case Tag::integer:
        if (const auto number = this->number()) return PlainValue(static_cast<std::int64_t>(*number));
        break;
      case Tag::real:
        if (const auto number = this->number()) return PlainValue(std::bit_cast<double>(*number));
        break;
      case Tag::text:
        if (const auto size = this->number(); size && *size <= octets_.size() - at_) {
          at_ += *size;
          return PlainValue(octets_.substr(at_ - *size, *size));
        }
        break;
      case Tag::list: {
        auto items = this->items(depth);
        if (!items) return std::unexpected(items.error());
        return PlainValue(std::move(*items));
      }
      case Tag::map: {
        auto items = this->items(depth);
        if (!items) return std::unexpected(items.error());
        if (items->size() % 2 != 0) return broken("a key has no value");
        return PlainValue(PlainValue::Map{std::move(*items)});
      }
      default:
        return broken("an unknown kind");
    }
    return broken("it ends too early");
  }

  Result<PlainValue::List> items(unsigned depth) {
    const auto count = number();
    // An item has an octet at least, so that a wrong count can't ask for more memory than was received.
    if (!count || *count > octets_.size() - at_) return broken("it ends too early");
    PlainValue::List items;
    for (std::uint64_t item = 0; item < *count; ++item) {
      auto value = one(depth + 1);
      if (!value) return std::unexpected(value.error());
      items.push_back(std::move(*value));
    }
    return items;
  }

  std::optional<std::uint64_t> number() {
    if (octets_.size() - at_ < 8) return std::nullopt;
    std::uint64_t number = 0;
    for (unsigned shift = 0; shift < 64; shift += 8)
      number |= std::uint64_t{static_cast<unsigned char>(octets_[at_++])} << shift;
    return number;
  }
  std::unexpected<Error> broken(std::string_view why) const {
    return fail(Fault::malformed, "plain value, octet " + std::to_string(at_) + " of " +
                                      std::to_string(octets_.size()) + ": " + std::string(why));
  }

  std::string_view octets_;
  std::size_t at_ = 0;
};

}  // namespace

const PlainValue* PlainValue::at(std::string_view key) const {
  if (map() == nullptr) return nullptr;
  const auto& items = map()->items;
  for (std::size_t item = 0; item + 1 < items.size(); item += 2)
    if (const auto* text = items[item].text(); text != nullptr && *text == key) return &items[item + 1];
  return nullptr;
}

std::string PlainValue::encoded() const {
  std::string out;
  put(out, *this, 0);
  return out;
}

Result<PlainValue> PlainValue::parse(std::string_view octets) { return Reader(octets).all(); }

std::string text(const PlainValue& value) {
  constexpr std::size_t kLongest = 200;
  if (value.nothing()) return "nil";
  if (const auto* truth = value.truth()) return *truth ? "true" : "false";
  if (const auto* integer = value.integer()) return std::to_string(*integer);
  if (const auto* real = value.real()) return std::to_string(*real);
  if (const auto* octets = value.text()) return "\"" + escaped(*octets, kLongest) + "\"";
  const auto* list = value.list();
  std::string out = list != nullptr ? "[" : "{";
  const auto& items = list != nullptr ? *list : value.map()->items;
  for (std::size_t item = 0; item < items.size(); ++item) {
    if (item > 0) out += list == nullptr && item % 2 == 1 ? " => " : ", ";
    if (out.size() > kLongest) return out + "..." + (list != nullptr ? "]" : "}");
    out += text(items[item]);
  }
  return out + (list != nullptr ? "]" : "}");
}

}  // namespace hikyaku
