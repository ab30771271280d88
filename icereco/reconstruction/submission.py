"""What a submission to the Kaggle competition is of: the test events of its folder."""

from icereco.data.catalog import DataSet
from icereco.system.log import get_logger

__all__ = ["submitted"]

logger = get_logger(__name__)


def submitted(data: DataSet) -> DataSet:
    """The data set, read as its test part if it is the whole folder of the competition and nothing else is said."""
    both = all((data.path / part).is_dir() for part in ("train", "test"))
    if not both or data.reader not in (None, "kaggle"):
        return data
    logger.info("%s: a submission is of its test events; of others: --reader kaggle:part=train", data.path)
    return data.model_copy(update={"reader": "kaggle:part=test"})
