#include "nn/file_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <system_error>

#include "base/check.h"
#include "kernels/alien_buffer.h"
#include "kernels/cpu_primitive.h"

namespace parallm {
namespace {

// Between two reports of progress, and what the system reads ahead.
constexpr size_t kPieceBytes = size_t{64} << 20;

// Bytes may be looked at as words (mxfp4 blocks), and kernels want numbers
// where their type has them, no more.
constexpr size_t kLeastAlignment = 4;

bool is_aligned(const TensorInfo& info) {
  return info.begin %
             std::max<size_t>(kLeastAlignment, dtype_of(info).size()) ==
         0;
}

mx::Shape shape_of(const TensorInfo& info) {
  return mx::Shape(info.shape.begin(), info.shape.end());
}

// What mx::array has for memory that lies row by row.
mx::array::Flags flags_of(const mx::array& array) {
  const auto& shape = array.shape();
  const bool one_axis = std::ranges::any_of(
      shape, [&](int n) { return static_cast<size_t>(n) == array.size(); });
  return {
      .contiguous = true,
      .row_contiguous = true,
      .col_contiguous = array.size() <= 1 || one_axis};
}

// A few threads: most of the time goes into fresh pages.
void read_side_by_side(
    const MappedFile& file, uint64_t begin, char* to, size_t bytes) {
  constexpr size_t kReaders = 4, kLeastShare = size_t{4} << 20;
  constexpr auto kThreadIfThereIsOne =
      std::launch::async | std::launch::deferred;
  const size_t share = std::max(kLeastShare, (bytes + kReaders - 1) / kReaders);
  std::vector<std::future<void>> readers;
  for (size_t at = 0; at < bytes; at += share) {
    readers.push_back(std::async(
        at + share < bytes ? kThreadIfThereIsOne : std::launch::deferred,
        [&file, begin = begin + at, to = to + at,
         count = std::min(share, bytes - at)] {
          file.read(begin, to, count);
        }));
  }
  for (auto& reader : readers) {
    reader.get();
  }
}

// Reads on the calling thread, so that what it throws reaches the caller.
class ReadTensor : public CpuPrimitive {
 public:
  ReadTensor(std::shared_ptr<FileData> file, const TensorInfo& info)
      : CpuPrimitive(mx::default_stream(mx::Device::cpu), "read_tensor"),
        file_(std::move(file)),
        info_(info) {}

  void eval_cpu(
      const std::vector<mx::array>&, std::vector<mx::array>& out) override {
    file_->read(info_, out[0]);
  }

  const TensorInfo& info() const { return info_; }

 private:
  std::shared_ptr<FileData> file_;
  TensorInfo info_;
};

} // namespace

FileData::FileData(const TensorFile& file, OnRead on_read)
    : file_{.path = file.path, .stamp = file.stamp},
      on_read_(std::move(on_read)) {
}

FileData::~FileData() {
  if (buffer_) {
    release_alien(*buffer_);
  }
}

mx::array FileData::tensor(const TensorInfo& info) {
  return mx::array(
      shape_of(info), dtype_of(info),
      std::make_shared<ReadTensor>(shared_from_this(), info),
      std::vector<mx::array>{});
}

void FileData::open() {
  mapped_.emplace(file_.path, file_.stamp);
  if (mapped_->memory()) {
    buffer_ = alien_buffer(mapped_->memory(), mapped_->mapped_bytes());
  }
}

void FileData::read(const TensorInfo& info, mx::array& out) {
  if (!mapped_) {
    open();
  }
  try {
    if (buffer_ && is_aligned(info) && info.bytes > 0) {
      view(info, out);
    } else {
      copy(info, out);
    }
  } catch (const std::system_error& error) {
    throw StartError(
        error.code() == std::errc::not_enough_memory ? kExitNoMemory
                                                     : kExitBadData,
        fmt::format(
            "{}: tensor {} cannot be read: {}", file_.path.string(), info.name,
            error.what()));
  }
}

template <class Read>
void FileData::in_pieces(const TensorInfo& info, Read read) const {
  for (size_t at = 0; at < info.bytes; at += kPieceBytes) {
    const size_t bytes = std::min(kPieceBytes, info.bytes - at);
    mapped_->announce(info.begin + at + bytes, kPieceBytes);
    read(at, bytes);
    if (on_read_) {
      on_read_(bytes);
    }
  }
}

// The pages go back to the system with the tensor: what was made of it, such as
// another type, stands for it from then on.
void FileData::view(const TensorInfo& info, mx::array& out) {
  in_pieces(info, [&](size_t at, size_t bytes) {
    mapped_->touch(info.begin + at, bytes);
  });
  const auto give_back = [file = shared_from_this(), begin = info.begin,
                          bytes = info.bytes](mx::allocator::Buffer) {
    file->mapped_->forget(begin, bytes);
  };
  out.set_data(
      mx::allocator::Data(*buffer_, give_back), out.size(), out.strides(),
      flags_of(out), static_cast<int64_t>(info.begin));
}

void FileData::copy(const TensorInfo& info, mx::array& out) {
  allocate(out);
  in_pieces(info, [&](size_t at, size_t bytes) {
    read_side_by_side(*mapped_, info.begin + at, out.data<char>() + at, bytes);
  });
}

bool takes_memory(const mx::array& array) {
  if (!array.has_primitive()) {
    return true;
  }
  const auto* read = dynamic_cast<const ReadTensor*>(&array.primitive());
  return !read || !is_aligned(read->info());
}

} // namespace parallm
