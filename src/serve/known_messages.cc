#include "serve/known_messages.h"

#include <optional>
#include <utility>

#include "store/export.h"

namespace hikyaku::serve {
namespace {

constexpr std::size_t kPage = 1000;

std::optional<io::ContentHash::Value> hash_of(const store::Store& store, const std::string& mailbox,
                                              store::Uid uid) {
  const auto item = store.find(mailbox, uid);
  if (!item) return std::nullopt;
  io::ContentHash hash;
  const auto read = store::write_message(store, *item, [&hash](std::string_view octets) -> Result<void> {
    hash.update(octets);
    return {};
  });
  if (!read) return std::nullopt;
  return hash.finish();
}

}  // namespace

Result<KnownMessages> KnownMessages::of(const store::Store& store, std::string mailbox) {
  KnownMessages known(std::move(mailbox));
  for (std::optional<store::Uid> from = 1; from;) {
    const auto listing = store.scan(known.mailbox_, *from, kPage);
    if (!listing) return std::unexpected(listing.error());
    for (const auto& item : listing->items) known.sizes_[item.size()].unread.push_back(item.uid);
    from = listing->next;
  }
  return known;
}

bool KnownMessages::contains(const store::Store& store, std::uint64_t size,
                             const io::ContentHash::Value& hash) {
  const auto at = sizes_.find(size);
  if (at == sizes_.end()) return false;
  auto& [unread, hashes] = at->second;
  for (const auto uid : std::exchange(unread, {})) {
    if (const auto read = hash_of(store, mailbox_, uid)) hashes.insert(*read);
  }
  return hashes.contains(hash);
}

void KnownMessages::add(std::uint64_t size, const io::ContentHash::Value& hash) {
  sizes_[size].hashes.insert(hash);
}

}  // namespace hikyaku::serve
