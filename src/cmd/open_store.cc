#include "cmd/open_store.h"

namespace hikyaku::cmd {

Result<OpenStore> OpenStore::open(const std::filesystem::path& directory,
                                  const record::MailboxCatalogue& catalogue, const std::string& name) {
  io::RocksKv::Options options;
  options.directory = directory;
  options.spaces = store::spaces();
  options.access = io::RocksKv::Access::read_only;
  io::RocksKv::Notes notes;
  OpenStore opened;
  auto kv = io::RocksKv::open(options, notes);
  if (!kv) return std::unexpected(kv.error());
  opened.kv = std::move(*kv);
  auto blob = io::FileBlob::open_read_only(directory / "blobs");
  if (!blob) return std::unexpected(blob.error());
  opened.blob = std::move(*blob);
  auto store = store::Store::open(*opened.kv, *opened.blob, [catalogue, name](std::string_view account) {
    return catalogue.database_of(account) == name;
  });
  if (!store) return std::unexpected(store.error());
  opened.store = std::move(*store);
  return opened;
}

}  // namespace hikyaku::cmd
